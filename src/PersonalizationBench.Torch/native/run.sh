#!/usr/bin/env bash
# pbench from a bundle: builds the bridge against this machine's PyTorch where that is needed, and hands over.
# Needs a C++ compiler and PyTorch (python3 -m pip install torch); .NET is in the bundle. Arguments are pbench's.
# LIBTORCH=/path/to/site-packages/torch picks one PyTorch of several, PBENCH_PYTHON the Python to ask for it.
set -euo pipefail
unset CDPATH
here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)

if [ -z "${LIBTORCH:-}" ]; then
  for python in "${PBENCH_PYTHON:-}" "$(command -v python3 || true)" /usr/bin/python3; do
    [ -x "$python" ] || continue
    found=$("$python" -c 'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")' 2> /dev/null || true)
    if [ -e "$found/lib/libtorch_cpu.so" ] && [ -e "$found/include/ATen/ATen.h" ]; then
      export LIBTORCH=$found
      break
    fi
  done
fi
"$here/native/build.sh" "$here/program" >&2
exec "$here/program/pbench" "$@"

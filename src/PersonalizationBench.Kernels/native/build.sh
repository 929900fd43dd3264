#!/bin/bash
# Builds libpbtorch.so against this machine's libtorch.   Usage: build.sh OUTPUT_DIRECTORY
# LIBTORCH=/path/to/torch (the folder with lib/ and include/) picks another libtorch, such as a Python PyTorch's.
# Does nothing when the library is newer than its sources and was built for this very libtorch.
# The linker wants its commas: -Wl,-z,now is one word.
# shellcheck disable=SC2054
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=${1:?usage: build.sh OUTPUT_DIRECTORY}
library=$output/libpbtorch.so
stamp=$output/libpbtorch.stamp
advice="apt-get install -y --no-install-recommends g++ libtorch-dev"

fail() {
  echo "build.sh: error: $1. On Debian and Ubuntu: $advice   (or LIBTORCH=/path/to/site-packages/torch)" >&2
  exit 1
}

cxx=${CXX:-g++}
command -v "$cxx" >/dev/null || fail "no C++ compiler ($cxx)"

flags=(-std=c++17 -O3 -fno-math-errno -fno-trapping-math -fPIC -fopenmp -fvisibility=hidden -Wall -Wno-unknown-pragmas)
[ "$(uname -m)" != x86_64 ] || flags+=(-mprefer-vector-width=512)
links=(-shared -Wl,-z,now -Wl,--no-as-needed)   # -z now: a symbol that is missing is an error at load, not a crash later
if [ -n "${LIBTORCH:-}" ]; then
  root=$LIBTORCH
  [ -e "$root/lib/libtorch_cpu.so" ] || fail "LIBTORCH=$root has no lib/libtorch_cpu.so"
  cpu=$root/lib/libtorch_cpu.so
  flags+=(-isystem "$root/include" -isystem "$root/include/torch/csrc/api/include")
  links+=(-L"$root/lib" -Wl,-rpath,"$root/lib")
  # Wheels before 2.7 keep the old ABI of std::string: the library's own symbols say which.
  grep -qa '_ZN3c106detail14torchCheckFail[A-Za-z0-9_]*St7__cxx11' "$root/lib/libc10.so" || flags+=(-D_GLIBCXX_USE_CXX11_ABI=0)
  # A wheel brings its own OpenMP; a second one beside it would fight it for the cores.
  for openmp in "$root"/lib/libgomp*.so* "$root"/../torch.libs/libgomp*.so*; do
    [ ! -e "$openmp" ] || links+=("$openmp" -Wl,-rpath,"$(dirname "$openmp")")
  done
  if [ -e "$root/lib/libtorch_cuda.so" ]; then
    links+=(-ltorch_cuda -lc10_cuda)
    for cuda in "${CUDA_HOME:-/usr/local/cuda}/include" "$root"/../nvidia/cuda_runtime/include "$root"/../nvidia/cu*/include; do
      if [ -e "$cuda/cuda_runtime_api.h" ]; then
        flags+=(-DPB_CUDA -I"$cuda")
        break
      fi
    done
  fi
else
  cpu=$("$cxx" -print-file-name=libtorch_cpu.so)   # the bare name again when there is none
  if [ ! -e "$cpu" ] || [ ! -e /usr/include/ATen/ATen.h ]; then fail "libtorch is not installed"; fi
  flags+=(-I/usr/include/torch/csrc/api/include)
fi
links+=(-ltorch -ltorch_cpu -lc10)

# The stamp names compiler, flags and libtorch's own file, so another libtorch, or a newer one in its place, is noticed.
identity="$("$cxx" -dumpfullversion) ${flags[*]} $(realpath "$cpu") $(stat -Lc '%s %Y' "$cpu")"
if [ -e "$library" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$identity" ] &&
   [ -z "$(find "$here" -newer "$library" \( -name '*.cpp' -o -name '*.h' -o -name '*.sh' \) -print -quit)" ]; then
  exit 0
fi

mkdir -p "$output"
work=$(mktemp -d "$output/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
# libtorch's headers take longer to compile than the code: two units, each reading them once, for two cores.
unit() {
  local name=$1; shift
  printf '#include "%s"\n' "${@/#/$here/}" > "$work/$name.cpp"
  "$cxx" "${flags[@]}" -c "$work/$name.cpp" -o "$work/$name.o"
}
unit kernels adamw.cpp attention.cpp layers.cpp llama.cpp llama_adapters.cpp llama_weights.cpp loss.cpp state_space.cpp serving.cpp serving_tiles.cpp serving_lanes.cpp cuda.cpp &
unit calls bridge.cpp autograd.cpp state_space_autograd.cpp
wait $!
[[ "${links[*]}" = *libgomp* ]] || links+=(-fopenmp)
"$cxx" "$work"/*.o "${links[@]}" -o "$work/libpbtorch.so"
mv "$work/libpbtorch.so" "$library"   # whole or not at all
printf '%s' "$identity" > "$stamp"
echo "build.sh: built $library for $cpu"

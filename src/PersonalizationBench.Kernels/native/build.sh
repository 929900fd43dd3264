#!/bin/bash
# Builds libpbkernels.so, the CPU kernels.   Usage: build.sh OUTPUT_FILE
# Every source is compiled once for each level of the instruction set, and the program takes the best that the processor has; so the
# library runs on any x86-64, whatever the machine that built it. CXX picks the compiler.
# Without a compiler, or on another processor, it says so in one line and builds nothing: everything runs by libtorch's operators.
# Does nothing when the library is newer than its sources and was built by the same compiler with the same flags.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
library=${1:?usage: build.sh OUTPUT_FILE}
stamp=$library.stamp
cxx=${CXX:-g++}

none() {
  rm -f "$library" "$stamp"
  echo "build.sh: $1: everything runs by libtorch's operators, more slowly"
  exit 0
}

command -v "$cxx" > /dev/null || none "no C++ compiler ($cxx)"
[ "$(uname -sm)" = "Linux x86_64" ] || none "no kernels for $(uname -sm)"

sources=(level layers loss adamw attention llama llama_adapters llama_weights serving serving_lanes serving_tiles state_space)
flags=(-std=c++17 -O3 -fno-math-errno -fno-trapping-math -fPIC -fopenmp -fvisibility=hidden -mprefer-vector-width=512 -Wall -Wextra)
levels=(avx2 avx512 avx512bf16 amx)
declare -A features
features[avx2]="-mavx2 -mfma -mbmi -mbmi2"
features[avx512]="${features[avx2]} -mavx512f -mavx512bw -mavx512vl -mavx512dq"
features[avx512bf16]="${features[avx512]} -mavx512bf16"
features[amx]="${features[avx512bf16]} -mamx-tile -mamx-bf16"

identity="$("$cxx" -dumpfullversion 2> /dev/null || "$cxx" -dumpversion) $cxx ${sources[*]} ${flags[*]} ${features[*]}"
if [ -e "$library" ] && [ "$(cat "$stamp" 2> /dev/null)" = "$identity" ] &&
   [ -z "$(find "$here" -newer "$library" \( -name '*.cpp' -o -name '*.h' -o -name '*.sh' \) -print -quit)" ]; then
  exit 0
fi

mkdir -p "$(dirname "$library")"
work=$(mktemp -d "$library.XXXXXX")
trap 'rm -rf "$work"' EXIT

# All sources of a level as one unit. What the linker would share between levels (the standard library's templates) becomes the level's
# own: an AVX2 processor must not end in a copy compiled for AVX-512.
level() {
  local name=$1 options
  read -ra options <<< "${features[$name]}"
  printf '#include "%s.cpp"\n' "${sources[@]/#/$here/}" > "$work/$name.cpp"
  "$cxx" "${flags[@]}" "${options[@]}" -DPB_LEVEL="$name" -c "$work/$name.cpp" -o "$work/$name.whole"
  ld -r --force-group-allocation "$work/$name.whole" -o "$work/$name.o"
  objcopy --wildcard --keep-global-symbol="pb_${name}_*" "$work/$name.o"
}

# An older compiler may not know the newest level.
known=()
for name in "${levels[@]}"; do
  read -ra options <<< "${features[$name]}"
  if "$cxx" "${options[@]}" -x c++ -c /dev/null -o /dev/null 2> /dev/null; then known+=("$name"); else echo "build.sh: $cxx does not know $name"; fi
done

failed=0
for name in "${known[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || failed=1; done
  level "$name" &
done
for job in $(jobs -p); do wait "$job" || failed=1; done
[ $failed = 0 ] || { echo "build.sh: error: the kernels did not compile" >&2; exit 1; }

"$cxx" -O2 -fPIC -fvisibility=hidden -c "$here/baseline.cpp" -o "$work/baseline.o"
# -z defs: a symbol that is missing is an error now, not a crash later. libgomp is libtorch's own where that is loaded before.
"$cxx" -shared -fopenmp -Wl,-z,now -Wl,-z,defs "$work"/*.o -o "$work/library.so"
mv "$work/library.so" "$library"   # whole or not at all
printf '%s' "$identity" > "$stamp"
echo "build.sh: built $library for ${known[*]}"

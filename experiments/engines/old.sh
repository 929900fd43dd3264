#!/usr/bin/env bash
# Builds the engine before TorchSharp, as the last commit with it has it, in a second folder, with the driver of `bench engines`.
# Does nothing where that is there and nothing has changed. Installs nothing: it says what is missing.
#
# Usage: old.sh
# Leaves:  out/engines/old        that commit: its pbench, and its driver at src/OldEngine/bin/Release/net10.0/old-engine.dll
#          out/engines/old-avx2   the same driver over a library without AVX-512, as a processor with AVX2 alone runs it
set -euo pipefail
unset CDPATH
commit=7ae483d25d6438c2244b8fedbb9d614e1324a5ac
here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
root=${here%/experiments/engines}
out=$root/out/engines
old=$out/old
avx2=$out/old-avx2
current=$root/src/PersonalizationBench.Benchmarks

say() { printf 'engines: %s\n' "$*" >&2; }

fail() {
  say "error: $*"
  exit 3
}

# step TITLE COMMAND...: its output goes to the log, whose end is shown where it fails
step() {
  local begun=$SECONDS
  say "$1 ..."
  "${@:2}" >> "$out/old.log" 2>&1 || {
    tail -n 20 -- "$out/old.log" | sed 's/^/  | /' >&2
    fail "$1 failed; all of it is in $out/old.log"
  }
  say "$1: $((SECONDS - begun)) s"
}

# without_avx512 FOLDER: takes the AVX-512 paths out of a copy of the old sources, which choose them by what the processor has; AMX is
# turned off by PBENCH_AMX=0 when it runs
without_avx512() {
  sed -i 's/"arch=x86-64-v4", //; s/"avx512bw", //' "$1/kernels.h"
  sed -i 's/static const bool there = /&false \&\& /' "$1/dots.h"
  ! grep -q 'x86-64-v4\|target_clones("avx512bw"' "$1/kernels.h" && grep -q 'there = false && ' "$1/dots.h"
}

[ "$(uname -m)" = x86_64 ] || fail "the old engine's kernels are compared on x86-64 alone"
command -v git > /dev/null || fail "git is missing"
command -v dotnet > /dev/null || fail "the .NET 10 SDK is missing"
cxx=${CXX:-g++}
packages="apt-get install -y --no-install-recommends g++ libtorch-dev libopenblas0-openmp"
command -v "$cxx" > /dev/null && [ -e /usr/include/ATen/ATen.h ] ||
  fail "the old engine stands on the system's libtorch and a C++ compiler. On Debian and Ubuntu:  $packages"
# libtorch alone is content with the reference BLAS, with which f32 takes ten times as long: no engine would be compared with that.
ldconfig -p | grep -q 'libopenblas\.so' || fail "the old engine wants OpenBLAS. On Debian and Ubuntu:  $packages"
git -C "$root" cat-file -e "$commit^{commit}" 2> /dev/null ||
  fail "commit $commit is not in this clone; where it is a shallow one:  git fetch --unshallow"

# Everything that this builds from beside the commit itself.
now=$(cat "$here/old.sh" "$here"/old/* "$current"/Engines/Driver/*.cs "$current"/Peers/{TrainingWorkload,RepeatedTraining,AdapterWorkload}.cs "$current"/Serving/{ServingWorkload,DrawnAdapter}.cs | sha256sum)
[ "$(cat "$out/old.stamp" 2> /dev/null)" != "$now" ] || exit 0
mkdir -p "$out"
: > "$out/old.log"

if [ ! -e "$old/.git" ]; then
  rm -rf "$old"
  step "cloning the old commit" git clone --quiet --shared --no-checkout "$root" "$old"
fi
step "checking the old commit out" git -C "$old" -c advice.detachedHead=false checkout --quiet --force --detach "$commit"

rm -rf "$old/src/OldEngine"
cp -r "$here/old" "$old/src/OldEngine"
step "building the old engine" dotnet build "$old/src/OldEngine/OldEngine.csproj" -c Release --nologo -v minimal -nodeReuse:false \
  -p:Current="$current" -p:NuGetAudit=false -p:RunAnalyzers=false -p:EnforceCodeStyleInBuild=false

rm -rf "$avx2"
mkdir -p "$avx2"
cp -r "$old/src/PersonalizationBench.Torch/native" "$avx2/native"
without_avx512 "$avx2/native" || fail "the old sources are not as expected: no AVX-512 to take out of $avx2/native"
step "building the old engine for AVX2" bash "$avx2/native/build.sh" "$avx2/library"
cp -r "$old/src/OldEngine/bin/Release/net10.0" "$avx2/program"
cp "$avx2/library/libpbtorch.so" "$avx2/program/"

printf '%s' "$now" > "$out/old.stamp"

#!/usr/bin/env bash
# What ./bench promises, tried in throw-away folders. Says nothing when all holds.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

broken() {
  echo "launcher: $1" >&2
  exit 1
}

# A copy of the launcher in a folder with a space, with tools of our own making first in its PATH.
copy="$work/a copy"
mkdir -p "$copy/.ci" "$copy/src/PersonalizationBench.Cli/bin/Release/net10.0" "$work/tools" "$work/home"
cp "$here/bench" "$copy/"
cp "$here/.ci/"*.sh "$copy/.ci/"
cp "$here"/*.sln "$here"/Directory.* "$here/.editorconfig" "$copy/"
for tool in bash sh readlink dirname cat sed grep awk nproc paste id mkdir find sort sha256sum stat rm tail date flock env sleep touch; do
  ln -s "$(command -v "$tool")" "$work/tools/$tool"
done
run() { env -i HOME="$work/home" PATH="$work/tools" bash "$copy/bench" "$@"; }

# Nothing is said to be there that is not, and the way out is one command.
if [ ! -e /usr/share/dotnet/dotnet ] && [ ! -e /usr/lib/dotnet/dotnet ]; then
  status=0
  output=$(run build 2>&1) || status=$?
  [[ $status = 3 && $output == *dotnet-install.sh* ]] || broken "without an SDK: status $status, said: $output"
fi

# Help needs no build: the commands are README's.
cp "$here/README.md" "$copy/"
run help > "$work/output"
for command in run validate list explain report compare test doctor; do
  grep -Eq "^\\./bench $command .*  [a-z]" "$work/output" || broken "help has no line for $command"
done

# An SDK that builds nothing but notes what it is asked.
cat > "$work/tools/dotnet" <<'TOOL'
#!/bin/sh
case $1 in
  --list-sdks) echo '10.0.100 [/nowhere]' ;;
  --version) echo 10.0.100 ;;
  build) echo build >> "$HOME/calls"; if [ -e "$HOME/says" ]; then cat "$HOME/says"; exit 134; fi; [ ! -e "$HOME/fail" ] || { echo "Program.cs(1,1): error CS0000: made up"; exit 1; } ;;
  *) shift; printf '%s|' "$@"; echo "$PWD" ;;
esac
TOOL
chmod +x "$work/tools/dotnet"
touch "$copy/src/PersonalizationBench.Cli/bin/Release/net10.0/pbench.dll"

cd "$work"
output=$(run list "two words" 2> "$work/said")
[ "$output" = "list|two words|$work" ] || broken "arguments or folder were not handed over: $output"
grep -q building "$work/said" || broken "the first build was not announced"

run list > /dev/null 2> "$work/said"
[ "$(grep -c build "$work/home/calls")" = 1 ] || broken "built again though nothing had changed"
[ "$(grep -vc "no C++ compiler" "$work/said")" = 0 ] || broken "not quiet when everything is there: $(cat "$work/said")"

touch "$copy/src/new.cs" "$work/home/fail"
status=0
run list > "$work/output" 2> "$work/said" || status=$?
[ $status = 1 ] || broken "a failed build gave status $status"
grep -q "error CS0000" "$work/said" || broken "a failed build's errors were not shown"
rm "$work/home/fail"
run list > /dev/null 2>&1
[ "$(grep -c build "$work/home/calls")" = 3 ] || broken "a changed source, or a failed build, did not lead to another build"

# What packages are fetched with is not the SDK's, and its own message says neither what to do nor why.
touch "$copy/src/newer.cs"
echo "No usable version of libssl was found" > "$work/home/says"
status=0
run build > /dev/null 2> "$work/said" || status=$?
[[ $status = 3 ]] && grep -q "apt-get install libssl3" "$work/said" || broken "without OpenSSL: status $status, said: $(cat "$work/said")"
rm "$work/home/says"
run build > /dev/null 2>&1

# Without a compiler there is a line that says so, and nothing is missing.
run build 2>&1 | grep -q "no C++ compiler" || broken "nothing was said of the missing compiler"

run doctor > "$work/output" || true
grep -q '^\.NET SDK .*10\.0\.100' "$work/output" || broken "doctor does not show the SDK"

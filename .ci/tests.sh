# shellcheck shell=bash
# Runs every test of the repository and counts. Sourced by ../bench, which has built everything and set here, out and dotnet.
# The checks below count as tests too: what they hold is as much a promise as what a test holds.

: "${here:?}" "${out:?}" "${dotnet:?}"
passed=0 failed=0 skipped=0

# count TITLE PASSED FAILED SKIPPED SECONDS
count() {
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
  printf '%-42s %5d passed, %d failed, %d skipped  %4d s\n' "$1" "$2" "$3" "$4" "$5"
}

# check TITLE COMMAND...: a command that has to succeed, as one test.
check() {
  local title=$1 begun=$SECONDS output
  shift
  if output=$("$@" 2>&1); then
    count "$title" 1 0 0 $((SECONDS - begun))
  else
    count "$title" 0 1 0 $((SECONDS - begun))
    printf '%s\n' "$output" | tail -n 30 | sed 's/^/  | /'
  fi
}

# attribute NAME FILE: an attribute of the <Counters> element of a test results file.
attribute() { sed -n "s/.*<Counters [^>]*\\b$1=\"\\([0-9]*\\)\".*/\\1/p" "$2"; }

# reasons FILE: each reason of a test results file for which tests were skipped, with their number; data that is missing is one.
reasons() {
  awk '
    /outcome="NotExecuted"/ { skipped = 1 }
    skipped && /<Message>/ {
      gsub(/^.*<Message>|<\/Message>.*$/, "")
      sub(/^.* is not under PBENCH_DATA/, "for want of data under PBENCH_DATA")
      count[$0]++
      skipped = 0
    }
    END { for (reason in count) printf "  ~ %d skipped: %s\n", count[reason], reason }' "$1" | LC_ALL=C sort
}

# run_project PROJECT [EXPRESSION]: one test project, all of it or what the expression selects.
run_project() {
  local project=$1 expression=${2:-} name results output begun=$SECONDS status=0
  name=$(basename "$project" .csproj)
  results=$out/tests/$name.trx
  output=$out/tests/$name.log
  rm -f "$results"
  # A test that hangs is ended and named after ten minutes.
  "$dotnet" test "$project" -c Release --no-build --nologo ${expression:+--filter "$expression"} \
    --results-directory "$out/tests" --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=normal" \
    --blame-hang-timeout 10m --blame-hang-dump-type none > "$output" 2>&1 || status=$?
  if [ ! -e "$results" ]; then
    [ $status = 0 ] && [ -n "$expression" ] && return   # nothing selected here
    count "$name" 0 1 0 $((SECONDS - begun))
    echo "  | dotnet test ended with status $status and left no results"
    tail -n 30 "$output" | sed 's/^/  | /'
    return
  fi
  local total executed good bad
  total=$(attribute total "$results") executed=$(attribute executed "$results")
  good=$(attribute passed "$results")
  bad=$((executed - good))
  [ "$total" -gt 0 ] || [ -z "$expression" ] || return 0
  if [ $status != 0 ] && [ $bad = 0 ]; then
    bad=1   # the host fell over after, or between, tests that passed
    tail -n 30 "$output" | sed 's/^/  | /'
  fi
  count "${name#PersonalizationBench.}" "$good" "$bad" $((total - executed)) $((SECONDS - begun))
  # The names and messages of what failed, and why something was skipped.
  sed -n '/^ *Failed /,/^ *Stack Trace:/p' "$output" | head -n 60 | sed 's/^/  | /'
  reasons "$results" | head -n 20
}

run_checks() {
  check "whitespace (dotnet format)" "$dotnet" format whitespace "$here" --folder --verify-no-changes --include src/ tests/
  check "launcher" bash "$here/.ci/launcher_test.sh"
  if command -v shellcheck > /dev/null; then
    check "shellcheck" shellcheck -x -P "$here" "$here/bench" "$here"/.ci/run "$here"/.ci/*.sh "$here"/src/*/native/*.sh
  fi
}

# run_all_tests [FILTER]: a filter that is in a project's name selects that project whole, else it selects tests by name.
run_all_tests() {
  local filter=$1 wanted project selected=()
  mkdir -p "$out/tests"
  # tr and not ${filter,,}: the latter never matches as a pattern where it is empty (bash 5.2).
  wanted=$(printf '%s' "$filter" | tr '[:upper:]' '[:lower:]')
  for project in "$here"/tests/*/*.csproj; do
    case $(basename "$project" .csproj | tr '[:upper:]' '[:lower:]') in
      *"$wanted"*) selected+=("$project") ;;
    esac
  done
  if [ ${#selected[@]} -gt 0 ]; then
    for project in "${selected[@]}"; do run_project "$project"; done
    [ -n "$filter" ] || run_checks
  else
    for project in "$here"/tests/*/*.csproj; do run_project "$project" "FullyQualifiedName~$filter"; done
    [ $((passed + failed + skipped)) -gt 0 ] || fail 2 "no project and no test has '$filter' in its name"
  fi
  if [ $skipped -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
  else
    echo "$passed passed, $failed failed"
  fi
  [ $failed = 0 ]
}

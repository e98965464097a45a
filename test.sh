#!/usr/bin/env bash
# Builds everything, checks everything, runs every test.
#
#   ./test.sh [--unit] [--filter EXPRESSION] [--help]
#
#   --unit               only what needs no privileges: no kernel tier, no end-to-end tier, no demo
#   --filter EXPRESSION  only tests that match, in the words of `dotnet test --filter`; no other checks
#
# A few tests of a project that fail are run once more, alone: kernel and end-to-end tests share the machine with
# whatever else it does. What passes then is named, and counted as passed.
#
# Each check that is not a test of a test project (protos, scripts, format, chart, demo) counts as one test.
# The last line is "N passed, N failed, N skipped"; the exit code is 0 only if something ran and nothing failed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/eng/common.sh"
cd "$NF_ROOT"

readonly RESULTS="$NF_ARTIFACTS/test-results"
readonly UNIT_ONLY='Tier!=kernel&Tier!=e2e&FullyQualifiedName!~KernelTests'
readonly PROJECT_SECONDS_MAX=2400
readonly AGAIN_MAX=4 # tests of a project that may fail once; more of them are no accident
readonly TEST_SECONDS_MAX=420 # longer than any deadline of a test, so that its own message comes first

unit=false
filter=""
passed=0
failed=0
skipped=0
failures=()

usage() {
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
}

parse() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      --unit) unit=true ;;
      --filter)
        [[ $# -ge 2 ]] || die "--filter wants an expression"
        filter=$2
        shift
        ;;
      --filter=*) filter=${1#*=} ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) die "unknown option '$1' (./test.sh --help)" ;;
    esac
    shift
  done
}

# check NAME COMMAND…: runs a check that counts as one test; its output is shown only when it fails.
check() {
  local name=$1 output seconds=$SECONDS
  shift
  output="$RESULTS/${name// /-}.log"
  if "$@" >"$output" 2>&1; then
    passed=$((passed + 1))
    log "$name: passed ($((SECONDS - seconds)) s)"
  else
    failed=$((failed + 1))
    failures+=("$name")
    tail -n 200 "$output"
    log "$name: FAILED ($((SECONDS - seconds)) s, all of it in ${output#"$NF_ROOT"/})"
  fi
}

# tracked: every file that is, or could be, committed.
tracked() {
  git ls-files -co --exclude-standard 2>/dev/null | grep -v '^artifacts/' || find . -type f -not -path './artifacts/*'
}

# shell_scripts: every shell script of the tree, by name or by its first line.
shell_scripts() {
  local file
  tracked | while read -r file; do
    if [[ -f $file ]] && { [[ $file == *.sh ]] || head -c 32 "$file" | head -n 1 | grep -aq '^#!.*bash'; }; then
      printf '%s\n' "$file"
    fi
  done
}

# check_scripts: what a compiler would say of the scripts that no compiler sees before a test runs them.
check_scripts() {
  local -a shell python
  mapfile -t shell < <(shell_scripts)
  mapfile -t python < <(tracked | grep '\.py$')
  [[ ${#shell[@]} -gt 0 && ${#python[@]} -gt 0 ]] || return 1
  shellcheck "${shell[@]}" && pyflakes3 "${python[@]}"
}

check_dashboards() {
  local file
  for file in "$@"; do
    jq -e . "$file" >/dev/null || return 1
  done
}

build() {
  dotnet build NfService.sln -c Release -warnaserror -v quiet
}

# counters FILE ATTRIBUTE: a number out of the summary of a trx file.
counters() {
  grep -o '<Counters [^>]*>' "$1" | head -n 1 | grep -o " $2=\"[0-9]*\"" | grep -o '[0-9]*'
}

# failed_tests FILE: the methods of a trx file that failed, one a line.
failed_tests() {
  grep -o '<UnitTestResult [^>]*>' "$1" | grep 'outcome="Failed"' | grep -o 'testName="[^"(]*' | sed 's/^testName="//' |
    sort -u
}

# again PROJECT NAME: runs the tests of a project that failed once more; prints how many fail still.
again() {
  local project=$1 name=$2 trx="$RESULTS/$2.again.trx" expression
  local -a tests
  mapfile -t tests < <(failed_tests "$RESULTS/$name.trx")
  expression="$(printf '|FullyQualifiedName=%s' "${tests[@]}")"
  timeout --kill-after=10 "$PROJECT_SECONDS_MAX" dotnet test "$project" -c Release --no-build \
    --results-directory "$RESULTS" --logger "trx;LogFileName=$name.again.trx" --filter "${expression:1}" \
    --blame-hang-timeout "${TEST_SECONDS_MAX}s" --blame-hang-dump-type none >"$RESULTS/$name.again.log" 2>&1 || true
  [[ -s $trx && $(counters "$trx" executed) -gt 0 ]] || return 1
  printf '%d\n' "$(($(counters "$trx" failed) + $(counters "$trx" error) + $(counters "$trx" timeout) +
    $(counters "$trx" aborted)))"
}

# run_project PROJECT: one test project after the other, because kernel tests share the machine's two cores.
run_project() {
  local project=$1 name trx total executed bad outcome code=0 seconds=$SECONDS
  local -a arguments
  name="$(basename "$project" .csproj)"
  trx="$RESULTS/$name.trx"
  arguments=(test "$project" -c Release --no-build --results-directory "$RESULTS" --logger "trx;LogFileName=$name.trx"
    --blame-hang-timeout "${TEST_SECONDS_MAX}s" --blame-hang-dump-type none)
  if [[ -n $filter ]]; then
    arguments+=(--filter "$filter")
  elif $unit; then
    arguments+=(--filter "$UNIT_ONLY")
  fi
  timeout --kill-after=10 "$PROJECT_SECONDS_MAX" dotnet "${arguments[@]}" >"$RESULTS/$name.log" 2>&1 || code=$?

  if [[ ! -s $trx ]]; then
    # A filter that no test of this project matches leaves no file, and that is no failure.
    if [[ $code -ne 0 ]]; then
      failed=$((failed + 1))
      failures+=("$name (no results, exit code $code)")
      tail -n 50 "$RESULTS/$name.log"
    fi
    return
  fi
  total="$(counters "$trx" total)"
  executed="$(counters "$trx" executed)"
  bad=0
  for outcome in failed error timeout aborted; do
    bad=$((bad + $(counters "$trx" "$outcome")))
  done
  if [[ $code -ne 0 && $bad -eq 0 ]]; then
    # The host died, or the time was up, after the tests it reports.
    bad=1
    executed=$((executed + 1))
    total=$((total + 1))
  fi
  if [[ $code -le 1 && $bad -gt 0 && $(counters "$trx" failed) -eq $bad &&
    $(failed_tests "$trx" | wc -l) -le $AGAIN_MAX ]]; then
    failed_tests "$trx" | sed "s/^/$name: failed, tried again: /"
    sed -n -e '/^  Failed /,/^  Stack Trace/p' "$RESULTS/$name.log" | awk 'NR <= 60'
    bad="$(again "$project" "$name" || printf '%d' "$bad")"
    code=0
  fi
  passed=$((passed + executed - bad))
  failed=$((failed + bad))
  skipped=$((skipped + total - executed))
  if [[ $bad -gt 0 ]]; then
    failures+=("$name ($bad)")
    cat "$RESULTS/$name.log" "$RESULTS/$name.again.log" 2>/dev/null |
      sed -n -e '/\[FAIL\]/p;/^  Failed /,/^  Stack Trace/p' -e '/^The test running when/,/^$/p' | awk 'NR <= 150'
    [[ $code -ne 124 && $code -ne 137 ]] || printf '%s: ended after %s s\n' "$name" "$PROJECT_SECONDS_MAX"
  fi
  log "$name: $((executed - bad)) passed, $bad failed, $((total - executed)) skipped ($((SECONDS - seconds)) s)"
}

run_checks() {
  local -a dashboards
  check "protos" eng/buf.sh lint
  check "scripts" check_scripts
  check "full feed" eng/full-feed.sh
  check "format" dotnet format NfService.sln --verify-no-changes --no-restore
  if [[ -f helm/nf-service/Chart.yaml ]]; then
    check "chart" eng/helm.sh lint --strict helm/nf-service
  fi
  mapfile -t dashboards < <(find helm docs -path '*dashboard*' -name '*.json' 2>/dev/null)
  if [[ ${#dashboards[@]} -gt 0 ]]; then
    check "dashboards" check_dashboards "${dashboards[@]}"
  fi
  if ! $unit; then
    check "dashboard queries" eng/dashboard-check.sh
    check "demo" ./run.sh --once --run "$RESULTS/run" --metrics http://127.0.0.1:0
  fi
}

summary() {
  if [[ ${#failures[@]} -gt 0 ]]; then
    printf 'failed: %s\n' "${failures[@]}"
  fi
  if [[ $((passed + failed)) -eq 0 ]]; then
    printf 'failed: no test ran\n'
    failed=1
  fi
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [[ $failed -eq 0 ]]
}

main() {
  local project
  parse "$@"
  has dotnet || die "no dotnet on the path; ./run.sh says what is needed"
  $unit || is_root || die "the kernel and end-to-end tiers need root; without it: ./test.sh --unit"
  rm -rf "$RESULTS"
  mkdir -p "$RESULTS"

  if $unit; then
    eng/packages.sh build unit
  else
    eng/packages.sh build unit demo test guest bench
  fi
  check "build" build
  if [[ $failed -eq 0 ]]; then
    [[ -n $filter ]] || run_checks
    for project in tests/*/*.csproj; do
      run_project "$project"
    done
  fi
  summary
}

main "$@"

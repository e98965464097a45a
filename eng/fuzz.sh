#!/usr/bin/env bash
# Runs the fuzzers for long: bash eng/fuzz.sh [runs] [seed]. Prints a line per fuzzer; fails with the input that broke
# a rule. With STORE=1, inputs that came to something new join the stored ones. So do the tests of a guest that
# changes its rings meanwhile and of lost wake-ups, with as many rounds and packets in each of their forms.
set -euo pipefail
cd "$(dirname "$0")/.."

export NF_FUZZ_RUNS=${1:-10000000}
export NF_FUZZ_SEED=${2:-$RANDOM}
export NF_MUTATOR_ROUNDS=$NF_FUZZ_RUNS NF_WAKEUP_PACKETS=$NF_FUZZ_RUNS
declare -a store=()
if [[ ${STORE:-0} == 1 ]]; then
  export NF_FUZZ_STORE=$PWD/tests/DataPlane.Tests/Vhost/Rings/Fuzz
  mkdir -p eng/fuzz/Vhost/corpus/messages/found
  store=(--store "$PWD/eng/fuzz/Vhost/corpus/messages/found/inputs.txt")
fi

dotnet build --configuration Release --verbosity quiet tests/DataPlane.Tests
dotnet test --configuration Release --no-build tests/DataPlane.Tests \
  --filter "FullyQualifiedName~Vhost.Rings.Fuzz|FullyQualifiedName~MutatorTests|FullyQualifiedName~WakeUpTests" \
  --logger "console;verbosity=detailed" |
  grep -E "runs in|input |Passed|Failed"

dotnet run --configuration Release --project eng/fuzz/Vhost -- \
  messages --executions "$NF_FUZZ_RUNS" --seed "$NF_FUZZ_SEED" "${store[@]}"

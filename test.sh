#!/usr/bin/env bash
# Builds and runs the tests: ./test.sh the quick ones, ./test.sh --all also the long ones, the quick
# ones and the soak under the sanitizers. Further arguments go to ctest (./test.sh -R cli).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/cmake/setup.sh"

all=no
arguments=()
for argument in "$@"; do
    case $argument in
    --all) all=yes ;;
    -h | --help)
        sed -n '2,3s/^# //p' "$root/test.sh"
        exit 0
        ;;
    *) arguments+=("$argument") ;;
    esac
done

install_missing build test

status=0
check() { # PRESET LABELS
    build "$1"
    ctest --test-dir "$root/build/$1" -L "$2" --output-on-failure --no-tests=error \
        -j "$(nproc)" ${arguments[@]+"${arguments[@]}"} || status=1
}
if [ $all = yes ]; then
    export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=0:strict_string_checks=1}
    export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}
    export TSAN_OPTIONS=${TSAN_OPTIONS-halt_on_error=1}
    check asan 'quick|soak'
    check tsan 'quick|soak'
    check release 'quick|long|soak'
else
    check release quick
fi
exit $status

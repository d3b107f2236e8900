#!/usr/bin/env bash
# Builds Stepformer (the first time: installs what is missing) and runs it with the arguments given,
# in the folder it is called from. Only the program writes to stdout.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/cmake/setup.sh"

install_missing build
build release stepformer

if [ $# -eq 0 ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    say "there is no display for the window here, so this draws the model map instead: $PWD/stepformer-map.png"
    set -- figure map --prompt "the cat sat" -o stepformer-map.png
fi
exec "$root/build/release/app/stepformer" "$@"

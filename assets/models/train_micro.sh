#!/usr/bin/env bash
# Trains the model that the program ships with, the same way every time: about an hour on one core,
# the same bits on one machine and build. The folder's state goes on where it was when this is
# stopped and called again.
#   assets/models/train_micro.sh [FOLDER]     FOLDER: where the run is kept; build/micro
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
run=${1:-$root/build/micro}

"$root/run.sh" train --preset micro --steps 24000 --seed 0 --out "$run" --set report_every=50 --resume
mkdir -p "$root/assets/models/micro"
cp "$run/config.json" "$run/model.safetensors" "$run/tokenizer.json" "$run/history.safetensors" \
    "$root/assets/models/micro/"
"$root/run.sh" eval --model "$run" --markdown

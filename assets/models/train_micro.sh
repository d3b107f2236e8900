#!/usr/bin/env bash
# Trains the model that the program ships with, the same way every time: half an hour on two cores,
# the same bits on one machine and build. The folder's state goes on where it was when this is
# stopped and called again.
#   assets/models/train_micro.sh [FOLDER]     FOLDER: where the run is kept; build/micro
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
run=${1:-$root/build/micro}

# All kinds of text alike, then more of the two that are learned last.
"$root/run.sh" train --preset micro --steps 24000 --seed 0 --out "$run" --set report_every=50 --resume
"$root/run.sh" train --out "$run" --resume --steps 30000 --set corpus.story=2.5 --set corpus.code=2.5
mkdir -p "$root/assets/models/micro"
cp "$run/config.json" "$run/model.safetensors" "$run/tokenizer.json" "$run/history.safetensors" \
    "$root/assets/models/micro/"
"$root/run.sh" eval --model "$run" --markdown

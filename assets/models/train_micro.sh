#!/usr/bin/env bash
# Trains the model that the program ships with, the same way every time: half an hour on two cores,
# the same bits on one machine and build. The folder's state goes on where it was when this is
# stopped and called again.
#   assets/models/train_micro.sh [FOLDER]     FOLDER: where the run is kept; build/micro
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
run=${1:-$root/build/micro}

# More of the two kinds that are learned last; long rows, so that few texts are cut; a lower rate than
# short runs like, falling through half of the run: what must be looked up (who has what, which
# variable holds what) is learned while it is small.
"$root/run.sh" train --preset micro --steps 24000 --seed 0 --out "$run" --resume \
    --set corpus.story=3 --set corpus.code=2 --set seq=256 --set batch=4 \
    --set lr=0.0015 --set decay_fraction=0.5 --set report_every=50
mkdir -p "$root/assets/models/micro"
cp "$run/config.json" "$run/model.safetensors" "$run/tokenizer.json" "$run/history.safetensors" \
    "$root/assets/models/micro/"
"$root/run.sh" eval --model "$run" --markdown

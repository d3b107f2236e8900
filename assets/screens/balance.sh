#!/usr/bin/env bash
# Draws assets/screens/balance.png: one start, one text, the experts' loads kept even in four ways.
# Without balancing two of nano's eight experts soon do all the work; the bias brings the others
# back. Eight minutes on two cores; the same bits on one machine and build. What is there goes on
# where it was when this is stopped and called again.
#   assets/screens/balance.sh [FOLDER]     FOLDER, absolute: where the runs are kept
set -euo pipefail
runs=${1:-build/balance}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=${STEPFORMER:-./run.sh}

for mode in none aux bias bias+seq; do
    run=$runs/$mode
    if [ -e "$run/train_state.safetensors" ]; then
        "$program" train --out "$run" --resume --steps 1000
    else
        "$program" train --preset nano --seed 0 --steps 1000 --out "$run" \
            --set balance="$mode" --set gamma=0.002 --set report_every=100
    fi
done

compare=()
for mode in bias bias+seq aux; do compare+=(--compare "$runs/$mode"); done
"$program" figure training --set show=runs --set curve=violation --set log_steps=false \
    --model "$runs/none" --prompt "Tom has" "${compare[@]}" -o assets/screens/balance.png

#!/usr/bin/env bash
# Trains the models that the program ships with, the same way every time: two hours on two cores,
# the same bits on one machine and build. What is there goes on where it was when this is stopped
# and called again.
#   assets/models/train_micro.sh [FOLDER]     FOLDER: where the runs are kept; build/models
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
runs=${1:-$root/build/models}

# To look things up comes first: lists that are told again, in small batches. Then all kinds of
# text, then more of what is learned last; in the end all kinds alike, so that the experts' biases
# balance that. Each phase goes on from the state of the one before.
first=(--set batch=2 --set seq=256 --set warmup=100 --set decay_fraction=0 --set lr=1.5e-3
    --set weight_decay=0.02 --set initializer_range=0.12 --set report_every=100
    --set corpus.recall=4 --set corpus.story=3 --set corpus.code=2 --set corpus.arithmetic=0.5
    --set corpus.brackets=0.5 --set corpus.sort=0.5 --set corpus.dates=0.5)
then=(--set batch=4 --set decay_fraction=0.3 --set report_every=200 --set corpus.recall=2
    --set corpus.story=5 --set corpus.code=4 --set corpus.arithmetic=2 --set corpus.brackets=1
    --set corpus.sort=1 --set corpus.dates=2)
last=(--set decay_fraction=0.2 --set corpus.recall=4 --set corpus.code=2 --set corpus.arithmetic=1
    --set corpus.dates=1)
alike=(--set decay_fraction=0.3 --set corpus.recall=1 --set corpus.story=1 --set corpus.code=1)

# A phase begins with a copy of what the one before came to: phase NAME NUMBER STEPS SETTINGS...
phase() {
    local run=$runs/$1.$2 before=$runs/$1.$(($2 - 1))
    if [ ! -d "$run" ] && [ -d "$before" ]; then
        rm -rf "$run.new"
        cp -r "$before" "$run.new"
        mv "$run.new" "$run"
    fi
    "$root/run.sh" train --out "$run" --resume --steps "$3" "${@:4}"
}
# ship NAME NUMBER FILES...
ship() {
    mkdir -p "$root/assets/models/$1"
    (cd "$runs/$1.$2" && cp "${@:3}" "$root/assets/models/$1/")
}

mkdir -p "$runs"
phase micro 1 8000 --preset micro --seed 0 "${first[@]}"
phase micro 2 28000 "${then[@]}"
phase micro 3 40000 "${last[@]}"
phase micro 4 41000 "${alike[@]}"
ship micro 4 config.json model.safetensors tokenizer.json history.safetensors

# Its twin with multi-head attention, whose weights are compared: a third as many steps.
phase micro_mha 1 8000 --preset micro --seed 0 "${first[@]}" --set attention_kind=gqa \
    --set num_key_value_heads=4
phase micro_mha 2 14000 "${then[@]}"
ship micro_mha 2 config.json model.safetensors

"$root/run.sh" eval --model "$runs/micro.4" --markdown

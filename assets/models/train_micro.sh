#!/usr/bin/env bash
# Trains the models that the program ships with, the same way every time: 75 minutes on two cores,
# the same bits on one machine and build. What is there goes on where it was when this is stopped
# and called again.
#   assets/models/train_micro.sh [FOLDER]     FOLDER: where the runs are kept; build/models
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
runs=${1:-$root/build/models}

# What is looked up in a text is learned where there is little else to see: first lists of two
# records, a row each (`whole`: only documents that fit a row), which takes a minute; then longer
# lists and what is told in sentences; stories; programs that only print (28 tokens) and that set a
# variable (58), and both once more; programs that branch or repeat (76); all kinds; all kinds with
# more stories. In the end long rows and all kinds alike, so that the experts' biases balance that.
# (All kinds from the beginning, for as long, never came to look things up; and stories alone,
# however short, never to find who has what: "The ball Ben has is blue", with no word between a
# thing and its owner, leads there.) A weight is large where few documents of the kind fit. Each
# phase goes on from the state of the one before.
pairs=(--set whole=1 --set batch=18 --set seq=28 --set warmup=100 --set decay_fraction=0
    --set lr=1e-3 --set weight_decay=0.02 --set initializer_range=0.12 --set report_every=100
    --set corpus.recall=1 --set corpus.story=0 --set corpus.code=0 --set corpus.arithmetic=0
    --set corpus.brackets=0 --set corpus.sort=0 --set corpus.dates=0)
lists=(--set batch=8 --set seq=64)
stories=(--set batch=7 --set seq=76 --set corpus.story=3)
prints=(--set batch=18 --set seq=28 --set corpus.code=60 --set corpus.recall=2
    --set corpus.story=0)
sets=(--set batch=9 --set seq=58 --set report_every=500 --set corpus.code=20 --set corpus.recall=2
    --set corpus.story=4)
both=(--set batch=8 --set seq=76 --set corpus.code=8 --set corpus.recall=2 --set corpus.story=6
    --set corpus.arithmetic=1)
all=(--set batch=6 --set seq=160 --set lr=1.2e-3 --set decay_fraction=0.35 --set corpus.recall=2.5
    --set corpus.story=6 --set corpus.code=3.5 --set corpus.arithmetic=2 --set corpus.brackets=1
    --set corpus.sort=1 --set corpus.dates=1.5)
more=(--set batch=7 --set seq=128 --set lr=8e-4 --set decay_fraction=0.1 --set corpus.story=12)
alike=(--set whole=0 --set batch=4 --set seq=256 --set corpus.recall=1 --set corpus.story=1
    --set corpus.code=1 --set corpus.arithmetic=1 --set corpus.dates=1)

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
phase micro 1 1500 --preset micro --seed 0 "${pairs[@]}"
phase micro 2 9500 "${lists[@]}"
phase micro 3 17000 "${stories[@]}"
phase micro 4 18500 "${prints[@]}"
phase micro 5 22500 "${sets[@]}"
phase micro 6 24500 "${prints[@]}"
phase micro 7 27500 "${sets[@]}"
phase micro 8 30500 "${both[@]}"
phase micro 9 53000 "${all[@]}"
phase micro 10 59000 "${more[@]}"
phase micro 11 59800 "${alike[@]}"
ship micro 11 config.json model.safetensors tokenizer.json history.safetensors

# Its twin with multi-head attention, whose weights are compared: half as many steps.
phase micro_mha 1 1500 --preset micro --seed 0 "${pairs[@]}" --set attention_kind=gqa \
    --set num_key_value_heads=4
phase micro_mha 2 9500 "${lists[@]}"
phase micro_mha 3 17000 "${stories[@]}"
phase micro_mha 4 18500 "${prints[@]}"
phase micro_mha 5 22500 "${sets[@]}"
phase micro_mha 6 28500 "${all[@]}" --set decay_fraction=0.4 --set corpus.recall=1.5 \
    --set corpus.story=4 --set corpus.code=5
ship micro_mha 6 config.json model.safetensors

"$root/run.sh" eval --model "$runs/micro.11" --markdown

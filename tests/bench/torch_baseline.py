#!/usr/bin/env python3
"""The peer that `stepformer bench` is raced against: the bench preset in PyTorch eager, trained and run on the CPU.

One file, only torch and the standard library. It does the plain, honest work that a user would write after reading
DeepSeek's inference/model.py, and prints ms/step, tokens/s, FLOPs/token and GFLOP/s. race.py, beside it, runs it and our
program in turn and prints the ratios.

  MLA (low-rank q, compressed kv, decoupled RoPE), sigmoid router with a selection-only bias (aux-loss-free balancing),
  top-k routed experts + a shared one, SwiGLU, RMSNorm, one MTP module (own block and norms, shared embedding and head).

Usage
  torch_baseline.py                         # train + prefill + decode, 1 and 2 threads, system BLAS
  torch_baseline.py --blas-dir DIR          # the same, also with the libblas.so.3 of DIR put first (e.g. OpenBLAS')
  torch_baseline.py --what train --moe grouped --rounds 5
  torch_baseline.py --check                 # correctness: absorbed decode == naive forward, grouped == loop, loss falls
  torch_baseline.py --profile               # where a training step goes, by operator
  torch_baseline.py --json out.json         # every figure, machine-readable

How it measures: each (BLAS, thread count) is a fresh child process, so OMP_NUM_THREADS / OPENBLAS_NUM_THREADS /
LD_LIBRARY_PATH are right from the start; children run in turn, --rounds times; a figure is the median over the rounds
of the child's own median. Do not quote it without naming the BLAS: Debian's libtorch calls whatever libblas.so.3 is,
and that is the unoptimised reference BLAS unless OpenBLAS is installed.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass
class Config:
    vocab: int = 512
    dim: int = 128
    n_layers: int = 4
    n_dense: int = 1            # the first n_dense layers have a dense FFN, the others are MoE
    n_heads: int = 4
    qk_nope: int = 32
    qk_rope: int = 16
    v_dim: int = 32
    kv_lora: int = 64
    q_lora: int = 96
    n_experts: int = 16
    top_k: int = 4
    n_shared: int = 1
    moe_inter: int = 64
    dense_inter: int = 384
    route_scale: float = 1.0
    bias_rate: float = 1e-3     # aux-loss-free balancing: router bias += rate * sign(mean load - load)
    mtp_weight: float = 0.3
    rope_theta: float = 10000.0
    max_seq: int = 512

    @property
    def qk_dim(self):
        return self.qk_nope + self.qk_rope


# ---------------------------------------------------------------------------------------------- FLOPs and bytes

def macs_per_token(c: Config, ctx: float, absorbed: bool, mtp: bool) -> dict:
    """Multiply-adds per token by part; 1 MAC = 2 FLOPs. ctx: mean number of positions attended to ((T+1)/2 if causal)."""
    proj = c.dim * c.q_lora + c.q_lora * c.n_heads * c.qk_dim + c.dim * (c.kv_lora + c.qk_rope) \
        + c.kv_lora * c.n_heads * (c.qk_nope + c.v_dim) + c.n_heads * c.v_dim * c.dim
    if absorbed:    # kv_b is applied to q and to the attended latent instead of to every cached row: same MAC count
        core = c.n_heads * ctx * (c.kv_lora + c.qk_rope + c.kv_lora)
    else:
        core = c.n_heads * ctx * (c.qk_dim + c.v_dim)
    dense = 3 * c.dim * c.dense_inter
    moe = c.dim * c.n_experts + (c.top_k + c.n_shared) * 3 * c.dim * c.moe_inter
    head = c.dim * c.vocab
    n_moe = c.n_layers - c.n_dense
    parts = {"attn_proj": c.n_layers * proj, "attn_core": c.n_layers * core, "dense_ffn": c.n_dense * dense,
             "moe": n_moe * moe, "head": head}
    if mtp:
        parts["mtp"] = 2 * c.dim * c.dim + proj + core + moe + head
    return parts


def flops_per_token(c, ctx, absorbed=False, mtp=False, train=False):
    """Useful FLOPs: causal attention counted once, training = 3 x forward; elementwise work and AdamW not counted."""
    return 2.0 * sum(macs_per_token(c, ctx, absorbed, mtp).values()) * (3 if train else 1)


def decode_bytes_per_token(c: Config, ctx: int) -> int:
    """fp32 bytes that one decoded token must touch: active weights + the latent KV cache."""
    w = macs_per_token(c, 0, True, False)
    return int(4 * (sum(w.values()) + c.n_layers * ctx * (c.kv_lora + c.qk_rope)))


# ---------------------------------------------------------------------------------------------- the model
# torch is imported here, in the child only: the parent just schedules children.

def build(cfg: Config, moe_impl: str, seed: int = 0):
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    torch.manual_seed(seed)

    class RMSNorm(nn.Module):
        def __init__(self, dim, eps=1e-6):
            super().__init__()
            self.eps = eps
            self.weight = nn.Parameter(torch.ones(dim))

        def forward(self, x):
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight

    def linear(i, o):
        return nn.Linear(i, o, bias=False)

    def rotary(x, cis):                           # x (b, s, heads, rope), interleaved pairs as complex numbers
        y = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
        return torch.view_as_real(y * cis.view(1, x.size(1), 1, -1)).flatten(3)

    class MLA(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.c = c
            self.wq_a, self.q_norm = linear(c.dim, c.q_lora), RMSNorm(c.q_lora)
            self.wq_b = linear(c.q_lora, c.n_heads * c.qk_dim)
            self.wkv_a, self.kv_norm = linear(c.dim, c.kv_lora + c.qk_rope), RMSNorm(c.kv_lora)
            self.wkv_b = linear(c.kv_lora, c.n_heads * (c.qk_nope + c.v_dim))
            self.wo = linear(c.n_heads * c.v_dim, c.dim)
            self.scale = c.qk_dim ** -0.5

        def project(self, x, cis):
            c, (b, s, _) = self.c, x.shape
            q = self.wq_b(self.q_norm(self.wq_a(x))).view(b, s, c.n_heads, c.qk_dim)
            q_nope, q_pe = q.split([c.qk_nope, c.qk_rope], -1)
            kv, k_pe = self.wkv_a(x).split([c.kv_lora, c.qk_rope], -1)
            return q_nope, rotary(q_pe, cis), self.kv_norm(kv), rotary(k_pe.unsqueeze(2), cis)

        def forward(self, x, cis, mask):          # naive: keys and values expanded per head (training, prefill)
            c, (b, s, _) = self.c, x.shape
            q_nope, q_pe, latent, k_pe = self.project(x, cis)
            kv = self.wkv_b(latent).view(b, s, c.n_heads, c.qk_nope + c.v_dim)
            k_nope, v = kv.split([c.qk_nope, c.v_dim], -1)
            q = torch.cat([q_nope, q_pe], -1).transpose(1, 2)
            k = torch.cat([k_nope, k_pe.expand(-1, -1, c.n_heads, -1)], -1).transpose(1, 2)
            p = (q @ k.transpose(2, 3) * self.scale + mask).softmax(-1)
            return self.wo((p @ v.transpose(1, 2)).transpose(1, 2).reshape(b, s, -1))

        def decode(self, x, cis, cache, pos):     # absorbed: attends in the latent space, cache = (latent, k_pe)
            c = self.c
            q_nope, q_pe, latent, k_pe = self.project(x, cis)
            lat, pe = cache
            lat[:, pos:pos + 1], pe[:, pos:pos + 1] = latent, k_pe.squeeze(2)
            lat, pe = lat[:, :pos + 1], pe[:, :pos + 1]
            w = self.wkv_b.weight.view(c.n_heads, -1, c.kv_lora)
            q_lat = torch.einsum("bshd,hdc->bshc", q_nope, w[:, :c.qk_nope])
            s = (torch.einsum("bshc,btc->bsht", q_lat, lat) + torch.einsum("bshr,btr->bsht", q_pe, pe)) * self.scale
            o = torch.einsum("bsht,btc->bshc", s.softmax(-1), lat)
            return self.wo(torch.einsum("bshc,hdc->bshd", o, w[:, c.qk_nope:]).flatten(2))

    class MLP(nn.Module):
        def __init__(self, dim, inter):
            super().__init__()
            self.w1, self.w2, self.w3 = linear(dim, inter), linear(inter, dim), linear(dim, inter)

        def forward(self, x):
            return self.w2(F.silu(self.w1(x)) * self.w3(x))

    class MoE(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.c = c
            self.gate = linear(c.dim, c.n_experts)
            self.register_buffer("bias", torch.zeros(c.n_experts))     # picks experts, never weighs them; no gradient
            self.register_buffer("load", torch.zeros(c.n_experts))
            self.shared = MLP(c.dim, c.n_shared * c.moe_inter)
            if moe_impl == "loop":
                self.experts = nn.ModuleList(MLP(c.dim, c.moe_inter) for _ in range(c.n_experts))
            else:
                bound = 1 / math.sqrt(c.dim)
                self.w13 = nn.Parameter(torch.empty(c.n_experts, c.dim, 2 * c.moe_inter).uniform_(-bound, bound))
                bound = 1 / math.sqrt(c.moe_inter)
                self.w2 = nn.Parameter(torch.empty(c.n_experts, c.moe_inter, c.dim).uniform_(-bound, bound))

        def route(self, x):
            scores = self.gate(x).sigmoid()
            idx = (scores + self.bias).topk(self.c.top_k, -1)[1]
            w = scores.gather(1, idx)
            return w / w.sum(-1, keepdim=True) * self.c.route_scale, idx

        def forward(self, x):
            shape, c = x.shape, self.c
            x = x.reshape(-1, c.dim)
            w, idx = self.route(x)
            counts = torch.bincount(idx.flatten(), minlength=c.n_experts)
            self.load.copy_(counts)
            y = self.loop(x, w, idx, counts.tolist()) if moe_impl == "loop" else self.grouped(x, w, idx, counts)
            return (y + self.shared(x)).view(shape)

        def loop(self, x, w, idx, counts):        # DeepSeek inference/model.py's loop
            y = torch.zeros_like(x)
            for i, expert in enumerate(self.experts):
                if counts[i] == 0:
                    continue
                tok, top = torch.where(idx == i)
                y[tok] += expert(x[tok]) * w[tok, top, None]
            return y

        def grouped(self, x, w, idx, counts):     # sort by expert, pad to the busiest one, three batched products
            c, n = self.c, x.size(0)
            order = idx.flatten().argsort()
            expert = idx.flatten()[order]
            slot = torch.arange(order.numel()) - (counts.cumsum(0) - counts)[expert]
            tok = order // c.top_k
            buf = x.new_zeros(c.n_experts, int(counts.max()), c.dim).index_put((expert, slot), x[tok])
            a, b = (buf @ self.w13).chunk(2, -1)
            out = ((F.silu(a) * b) @ self.w2)[expert, slot] * w.flatten()[order, None]
            return torch.zeros_like(x).index_add(0, tok, out)

        @torch.no_grad()
        def balance(self):
            self.bias += self.c.bias_rate * torch.sign(self.load.mean() - self.load)

    class Block(nn.Module):
        def __init__(self, c, dense):
            super().__init__()
            self.attn_norm, self.attn = RMSNorm(c.dim), MLA(c)
            self.ffn_norm, self.ffn = RMSNorm(c.dim), MLP(c.dim, c.dense_inter) if dense else MoE(c)

        def forward(self, x, cis, mask):
            x = x + self.attn(self.attn_norm(x), cis, mask)
            return x + self.ffn(self.ffn_norm(x))

        def decode(self, x, cis, cache, pos):
            x = x + self.attn.decode(self.attn_norm(x), cis, cache, pos)
            return x + self.ffn(self.ffn_norm(x))

    class MTP(nn.Module):
        """Depth-1 multi-token prediction: joins h_i with the embedding of token i+1, predicts token i+2."""
        def __init__(self, c):
            super().__init__()
            self.h_norm, self.e_norm, self.proj = RMSNorm(c.dim), RMSNorm(c.dim), linear(2 * c.dim, c.dim)
            self.block, self.norm = Block(c, dense=False), RMSNorm(c.dim)

        def forward(self, h, e, cis, mask):
            return self.norm(self.block(self.proj(torch.cat([self.h_norm(h), self.e_norm(e)], -1)), cis, mask))

    class Model(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.c = c
            self.embed = nn.Embedding(c.vocab, c.dim)
            self.layers = nn.ModuleList(Block(c, i < c.n_dense) for i in range(c.n_layers))
            self.norm, self.head, self.mtp = RMSNorm(c.dim), linear(c.dim, c.vocab), MTP(c)
            nn.init.normal_(self.embed.weight, std=0.02)
            f = 1.0 / c.rope_theta ** (torch.arange(0, c.qk_rope, 2).float() / c.qk_rope)
            ang = torch.outer(torch.arange(c.max_seq).float(), f)
            self.register_buffer("cis", torch.polar(torch.ones_like(ang), ang), persistent=False)
            self.register_buffer("mask", torch.full((c.max_seq, c.max_seq), float("-inf")).triu_(1), persistent=False)

        def hidden(self, tok):
            s = tok.size(1)
            x, cis, mask = self.embed(tok), self.cis[:s], self.mask[:s, :s]
            for layer in self.layers:
                x = layer(x, cis, mask)
            return x

        def forward(self, tok):                   # prefill: logits of every position
            return self.head(self.norm(self.hidden(tok)))

        def loss(self, tok):                      # tok (b, T+2): T inputs, next and next-next targets
            T = tok.size(1) - 2
            h = self.hidden(tok[:, :T])
            main = F.cross_entropy(self.head(self.norm(h)).flatten(0, 1), tok[:, 1:T + 1].flatten())
            h2 = self.mtp(h, self.embed(tok[:, 1:T + 1]), self.cis[:T], self.mask[:T, :T])
            ahead = F.cross_entropy(self.head(h2).flatten(0, 1), tok[:, 2:].flatten())
            return main + self.c.mtp_weight * ahead, main, ahead

        def new_cache(self, b=1):
            c = self.c
            return [(torch.zeros(b, c.max_seq, c.kv_lora), torch.zeros(b, c.max_seq, c.qk_rope)) for _ in self.layers]

        def decode(self, tok, cache, pos):        # tok (b, 1) -> logits of the next token
            x, cis = self.embed(tok), self.cis[pos:pos + 1]
            for layer, kv in zip(self.layers, cache):
                x = layer.decode(x, cis, kv, pos)
            return self.head(self.norm(x))

        def balance(self):
            for m in self.modules():
                if isinstance(m, MoE):
                    m.balance()

    return Model(cfg)


def make_step(model, batch, seq, foreach, seed=1):
    """A training step as a closure: zero_grad, forward, loss with MTP, backward, AdamW, router-bias update."""
    import torch
    g = torch.Generator().manual_seed(seed)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, foreach=foreach)
    # a learnable stream, so that "the loss falls" is a check: each token follows from the one before, with noise
    c = model.c
    perm = torch.randperm(c.vocab, generator=g)
    tok = [torch.randint(c.vocab, (batch,), generator=g)]
    for _ in range(seq + 1):
        noise = torch.rand(batch, generator=g) < 0.1
        tok.append(torch.where(noise, torch.randint(c.vocab, (batch,), generator=g), perm[tok[-1]]))
    tok = torch.stack(tok, 1)

    def step():
        opt.zero_grad(set_to_none=True)
        loss, main, ahead = model.loss(tok)
        loss.backward()
        opt.step()
        model.balance()
        return float(main), float(ahead)
    return step


# ---------------------------------------------------------------------------------------------- the child

def timed(fn, min_runs, min_s, warm=3):
    """Median (wall, CPU) seconds of a call. CPU time is the process's, so at 1 thread it is immune to neighbours."""
    for _ in range(warm):
        fn()
    wall, cpu, t_end = [], [], time.perf_counter() + min_s
    while len(wall) < min_runs or time.perf_counter() < t_end:
        t0, c0 = time.perf_counter(), time.process_time()
        fn()
        wall.append(time.perf_counter() - t0)
        cpu.append(time.process_time() - c0)
    return statistics.median(wall), statistics.median(cpu)


def worker(a):
    import torch
    torch.set_num_threads(a.threads)
    cfg, out = Config(), {"torch": torch.__version__, "threads": a.threads}
    model = build(cfg, a.moe)
    out["params"] = sum(p.numel() for p in model.parameters())
    B, T = a.batch, a.seq
    if "blas" in a.what:                          # what this torch's sgemm does: the ceiling of everything below
        for m, k, n in ((1024, 1024, 1024), (1024, 128, 384)):
            x, y = torch.randn(m, k), torch.randn(k, n)
            out[f"mm_{m}x{k}x{n}_gflops"] = 2e-9 * m * k * n / timed(lambda: x @ y, 3, 0.2, warm=1)[0]
    if "train" in a.what:
        step = make_step(model, B, T, a.foreach)
        first = step()
        t, cpu = timed(step, 5, a.seconds)
        out.update(train_ms=t * 1e3, train_cpu_ms=cpu * 1e3, train_tok_s=B * T / t, loss_first=first[0], loss_last=step()[0])
    with torch.no_grad():
        if "prefill" in a.what:
            for b in sorted({1, B}):
                tok = torch.randint(cfg.vocab, (b, T))
                t, cpu = timed(lambda: model(tok), 5, a.seconds / 2)
                out[f"prefill_b{b}_tok_s"], out[f"prefill_b{b}_cpu_ms"] = b * T / t, cpu * 1e3
        if "decode" in a.what:
            cache, pos, tok = model.new_cache(), [0], torch.zeros(1, 1, dtype=torch.long)

            def one():
                nonlocal tok
                tok = model.decode(tok, cache, pos[0]).argmax(-1)
                pos[0] = (pos[0] + 1) % T
            t, cpu = timed(one, T, a.seconds / 2)
            out["decode_tok_s"], out["decode_cpu_ms"] = 1 / t, cpu * 1e3
    print(json.dumps(out))


def check(a):
    import torch
    cfg = Config()
    for impl in ("loop", "grouped"):
        model = build(cfg, impl).eval()
        with torch.no_grad():
            tok = torch.randint(cfg.vocab, (2, 40))
            ref, cache = model(tok), model.new_cache(2)
            got = torch.cat([model.decode(tok[:, i:i + 1], cache, i) for i in range(40)], 1)
            err = (got - ref).abs().max().item()
        print(f"{impl}: absorbed decode vs naive forward, max |diff| = {err:.2e}")
        assert err < 1e-4
    loop, grp = build(cfg, "loop"), build(cfg, "grouped")
    state = {k: v for k, v in loop.state_dict().items() if ".experts." not in k}
    for name, m in loop.named_modules():
        if hasattr(m, "experts"):
            state[name + ".w13"] = torch.stack([torch.cat([e.w1.weight, e.w3.weight]).t() for e in m.experts])
            state[name + ".w2"] = torch.stack([e.w2.weight.t() for e in m.experts])
    grp.load_state_dict(state)
    tok = torch.randint(cfg.vocab, (2, 66))
    la, lb = loop.loss(tok)[0], grp.loss(tok)[0]
    la.backward(), lb.backward()
    ge = (loop.embed.weight.grad - grp.embed.weight.grad).abs().max().item()
    print(f"loop vs grouped: |loss diff| = {abs(la - lb).item():.2e}, max |embedding grad diff| = {ge:.2e}")
    assert abs(la - lb) < 1e-4 and ge < 1e-4
    for impl in ("loop", "grouped"):
        step = make_step(build(cfg, impl), 4, 64, a.foreach)
        first = step()
        for _ in range(60):
            last = step()
        print(f"{impl}: loss (main, mtp) {first[0]:.3f}, {first[1]:.3f} -> {last[0]:.3f}, {last[1]:.3f} in 61 steps")
        assert last[0] < 0.8 * first[0] and last[1] < 0.9 * first[1]


def profile(a):
    import torch
    from torch.profiler import ProfilerActivity, profile as prof
    torch.set_num_threads(a.threads)
    step = make_step(build(Config(), a.moe), a.batch, a.seq, a.foreach)
    for _ in range(3):
        step()
    with prof(activities=[ProfilerActivity.CPU]) as p:
        for _ in range(3):
            step()
    print(p.key_averages().table(sort_by="self_cpu_time_total", row_limit=22))


# ---------------------------------------------------------------------------------------------- the parent

def run_child(a, threads, blas_dir):
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(a.blas_threads or threads))
    if blas_dir:
        env["LD_LIBRARY_PATH"] = blas_dir + os.pathsep + env.get("LD_LIBRARY_PATH", "")
    cmd = [sys.executable, os.path.abspath(__file__), "--worker", "--threads", str(threads), "--moe", a.moe,
           "--what", ",".join(a.what), "--batch", str(a.batch), "--seq", str(a.seq), "--seconds", str(a.seconds)]
    cmd += ["--foreach"] if a.foreach else []
    return json.loads(subprocess.run(cmd, env=env, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    p = argparse.ArgumentParser(description="PyTorch-eager baseline of a tiny DeepSeek-V3-style model, on the CPU")
    p.add_argument("--what", default="blas,train,prefill,decode", help="comma list: blas, train, prefill, decode")
    p.add_argument("--threads", default="1,2", help="comma list of thread counts")
    p.add_argument("--blas-dir", action="append", default=[], help="also measure with this folder's libblas.so.3")
    p.add_argument("--blas-threads", type=int, default=0, help="OPENBLAS_NUM_THREADS, when not the thread count")
    p.add_argument("--no-system-blas", action="store_true")
    p.add_argument("--moe", choices=("loop", "grouped"), default="loop")
    p.add_argument("--foreach", action="store_true", help="multi-tensor AdamW")
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--seq", type=int, default=128)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=2.0, help="time per figure and round")
    p.add_argument("--peak-gflops", type=float, default=0, help="one-thread fp32 FMA peak, for the percentages")
    p.add_argument("--json")
    for flag in ("--check", "--profile", "--worker"):
        p.add_argument(flag, action="store_true")
    a = p.parse_args()
    a.what = a.what.split(",")
    if a.worker or a.profile or a.check:
        a.threads = int(a.threads.split(",")[0])
        return worker(a) if a.worker else profile(a) if a.profile else check(a)

    cfg, T = Config(), a.seq
    cells = [(b, int(t)) for b in ([] if a.no_system_blas else [""]) + a.blas_dir for t in a.threads.split(",")]
    runs = {cell: [] for cell in cells}
    for _ in range(a.rounds):
        for blas, threads in cells:
            runs[blas, threads].append(run_child(a, threads, blas))
    per_tok = {"train": flops_per_token(cfg, (T + 1) / 2, mtp=True, train=True),
               "prefill": flops_per_token(cfg, (T + 1) / 2), "decode": flops_per_token(cfg, (T + 1) / 2, absorbed=True)}
    report = {"config": vars(cfg), "flops_per_token": per_tok, "decode_bytes_per_token": decode_bytes_per_token(cfg, T // 2),
              "cells": []}
    print(f"params {next(iter(runs.values()))[0]['params']:,}; useful MFLOP/token: train {per_tok['train'] / 1e6:.2f}, "
          f"prefill {per_tok['prefill'] / 1e6:.2f}, decode {per_tok['decode'] / 1e6:.2f}; decode touches "
          f"{report['decode_bytes_per_token'] / 1e6:.2f} MB/token; batch {a.batch} x seq {T}; moe={a.moe} foreach={a.foreach}")
    for (blas, threads), rs in runs.items():
        med = {k: statistics.median(r[k] for r in rs) for k in rs[0] if isinstance(rs[0][k], (int, float))}
        report["cells"].append({"blas": blas or "system", "threads": threads, **med})
        print(f"\nBLAS {blas or 'system libblas.so.3'}, {threads} thread(s), median of {a.rounds} rounds")
        for k, v in med.items():
            if k.endswith("_gflops"):
                print(f"  {k:28s}{v:10.1f} GFLOP/s")
            elif k.endswith("_tok_s"):
                gf = v * per_tok[k.split("_")[0]] * 1e-9
                pct = f", {100 * gf / (a.peak_gflops * threads):.1f} % of peak" if a.peak_gflops else ""
                print(f"  {k:28s}{v:10.0f} tokens/s  = {gf:7.2f} GFLOP/s{pct}")
            elif k.endswith("_ms"):
                print(f"  {k:28s}{v:10.2f} ms")
            elif k.startswith("loss"):
                print(f"  {k:28s}{v:10.3f}")
    if a.json:
        json.dump(report, open(a.json, "w"), indent=1)


if __name__ == "__main__":
    main()

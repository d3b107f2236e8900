#pragma once

#include "core/model/model.h"
#include "core/ops/rope.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

// A second, plainest possible implementation for comparison: one sequence, double, nested loops,
// written from the reference's description alone. Shares nothing with the core but the config, the
// weights and the frequencies of RoPE (which have golden data of their own).

namespace sf::test {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

class PlainModel {
public:
    explicit PlainModel(const Model& model) : c(model.config), w(*model.weights) {}

    std::map<std::string, Rows> seen;  // by trace name, rows of tokens

    void run(const std::vector<std::int64_t>& ids) {
        Rows x;
        for (const auto id : ids) x.push_back(row(w.at("model.embed_tokens.weight"), id));
        seen["embed"] = x;
        for (std::int64_t l = 0; l < c.num_hidden_layers; ++l)
            x = block(x, "model.layers." + std::to_string(l) + ".",
                      "layers." + std::to_string(l) + ".", c.is_moe(l));
        Rows h = norm(x, "model.norm.weight");
        seen["final_norm"] = h;
        seen["logits"] = linear(h, head());
        if (c.mtp_kind == "parallel") return run_parallel(h);
        for (std::int64_t k = 1; k <= c.num_nextn_predict_layers; ++k) {
            const std::string p =
                "model.layers." + std::to_string(c.num_hidden_layers + k - 1) + ".";
            const std::string name = "mtp." + std::to_string(k) + ".";
            Rows joined;
            for (std::size_t i = 0; i + static_cast<std::size_t>(k) < ids.size(); ++i) {
                const auto e = norm(
                    {row(w.at("model.embed_tokens.weight"), ids[i + static_cast<std::size_t>(k)])},
                    p + "enorm.weight")[0];
                const auto before = norm({h[i]}, p + "hnorm.weight")[0];
                joined.push_back(e);
                joined.back().insert(joined.back().end(), before.begin(), before.end());
            }
            Rows in = linear(joined, p + "eh_proj.weight");
            seen[name + "input"] = in;
            h = block(in, p, name, c.is_moe(c.num_hidden_layers + k - 1));
            seen[name + "logits"] = linear(norm(h, p + "shared_head.norm.weight"), head());
        }
    }

private:
    // Independent layers over the main model's hidden states.
    void run_parallel(const Rows& h) {
        for (std::int64_t k = 1; k <= c.num_nextn_predict_layers; ++k) {
            const std::int64_t layer = c.num_hidden_layers + k - 1;
            const std::string p = "model.layers." + std::to_string(layer) + ".";
            const std::string name = "mtp." + std::to_string(k) + ".";
            const Rows out = block(h, p, name, c.is_moe(layer));
            seen[name + "logits"] = linear(norm(out, p + "shared_head.norm.weight"), head());
        }
    }

    const ModelConfig& c;
    const Weights& w;

    std::string head() const {
        return c.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
    }
    static Row row(const Tensor& t, std::int64_t r) {
        Row out;
        for (std::int64_t i = 0; i < t.shape.cols(); ++i)
            out.push_back(t.at(r * t.shape.cols() + i));
        return out;
    }
    Rows linear(const Rows& x, const std::string& name) const {
        const Tensor& m = w.at(name);
        Rows y;
        for (const Row& in : x) {
            Row out;
            for (std::int64_t o = 0; o < m.shape[0]; ++o) {
                const Row weights = row(m, o);
                out.push_back(std::inner_product(in.begin(), in.end(), weights.begin(), 0.0));
            }
            y.push_back(out);
        }
        return y;
    }
    Rows norm(const Rows& x, const std::string& name) const {
        const Tensor& g = w.at(name);
        Rows y = x;
        for (Row& r : y) {
            const double ms = std::inner_product(r.begin(), r.end(), r.begin(), 0.0) /
                              static_cast<double>(r.size());
            for (std::size_t i = 0; i < r.size(); ++i)
                r[i] = r[i] / std::sqrt(ms + c.rms_norm_eps) * g.at(static_cast<std::int64_t>(i));
        }
        return y;
    }
    Row rotate(const Row& x, std::size_t begin, std::size_t position) const {
        const auto f = rope_frequencies(c);
        Row y;
        for (std::size_t i = 0; i < f.size(); ++i) {
            const double a = static_cast<double>(position) * f[i];
            const double p = x[begin + 2 * i], q = x[begin + 2 * i + 1];
            y.push_back(p * std::cos(a) - q * std::sin(a));
            y.push_back(p * std::sin(a) + q * std::cos(a));
        }
        return y;
    }
    static double silu(double x) { return x / (1 + std::exp(-x)); }

    Rows attention(const Rows& h, const std::string& p) {
        const auto H = static_cast<std::size_t>(c.num_attention_heads),
                   nope = static_cast<std::size_t>(c.qk_nope_head_dim),
                   rope = static_cast<std::size_t>(c.qk_rope_head_dim),
                   v = static_cast<std::size_t>(c.v_head_dim),
                   rank = static_cast<std::size_t>(c.kv_lora_rank);
        const Rows q =
            c.q_lora_rank
                ? linear(norm(linear(h, p + "q_a_proj.weight"), p + "q_a_layernorm.weight"),
                         p + "q_b_proj.weight")
                : linear(h, p + "q_proj.weight");
        // Of head and token: key content, rotated key, value.
        std::function<double(std::size_t, std::size_t, std::size_t)> key, value;
        std::function<Row(std::size_t, std::size_t)> rotated;
        Rows kv_a, kv, k, vs;
        if (c.attention_kind == "gqa") {
            k = linear(h, p + "k_proj.weight");
            vs = linear(h, p + "v_proj.weight");
            const auto shared = H / static_cast<std::size_t>(c.num_key_value_heads);
            key = [&, shared](std::size_t head, std::size_t s, std::size_t i) {
                return k[s][head / shared * (nope + rope) + i];
            };
            rotated = [&, shared](std::size_t head, std::size_t s) {
                return rotate(k[s], head / shared * (nope + rope) + nope, s);
            };
            value = [&, shared](std::size_t head, std::size_t s, std::size_t i) {
                return vs[s][head / shared * v + i];
            };
        } else {
            kv_a = linear(h, p + "kv_a_proj_with_mqa.weight");
            Rows latent;
            for (const Row& r : kv_a)
                latent.emplace_back(r.begin(), r.begin() + static_cast<long>(rank));
            kv = linear(norm(latent, p + "kv_a_layernorm.weight"), p + "kv_b_proj.weight");
            key = [&](std::size_t head, std::size_t s, std::size_t i) {
                return kv[s][head * (nope + v) + i];
            };
            rotated = [&](std::size_t, std::size_t s) { return rotate(kv_a[s], rank, s); };
            value = [&](std::size_t head, std::size_t s, std::size_t i) {
                return kv[s][head * (nope + v) + nope + i];
            };
        }
        Rows out(h.size());
        for (std::size_t t = 0; t < h.size(); ++t) {
            for (std::size_t head = 0; head < H; ++head) {
                const Row qr = rotate(q[t], head * (nope + rope) + nope, t);
                Row a;
                for (std::size_t s = 0; s <= t; ++s) {
                    const Row kr = rotated(head, s);
                    double dot = 0;
                    for (std::size_t i = 0; i < nope; ++i)
                        dot += q[t][head * (nope + rope) + i] * key(head, s, i);
                    for (std::size_t i = 0; i < rope; ++i) dot += qr[i] * kr[i];
                    a.push_back(std::exp(dot * c.softmax_scale()));
                }
                const double sum = std::accumulate(a.begin(), a.end(), 0.0);
                for (std::size_t i = 0; i < v; ++i) {
                    double o = 0;
                    for (std::size_t s = 0; s <= t; ++s) o += a[s] / sum * value(head, s, i);
                    out[t].push_back(o);
                }
            }
        }
        return linear(out, p + "o_proj.weight");
    }
    Rows mlp(const Rows& x, const std::string& p) const {
        Rows gate = linear(x, p + "gate_proj.weight");
        const Rows up = linear(x, p + "up_proj.weight");
        for (std::size_t r = 0; r < gate.size(); ++r)
            for (std::size_t i = 0; i < gate[r].size(); ++i)
                gate[r][i] = silu(gate[r][i]) * up[r][i];
        return linear(gate, p + "down_proj.weight");
    }
    Rows moe(const Rows& x, const std::string& p, const std::string& name) {
        const auto E = static_cast<std::size_t>(c.n_routed_experts);
        const bool groups = c.topk_method != "greedy" && c.n_group > 1;
        const auto G = groups ? static_cast<std::size_t>(c.n_group) : 1;
        Rows y = linear(x, p + "gate.weight");
        seen[name + "router_logits"] = y;
        Rows chosen_rows, weights;
        for (std::size_t t = 0; t < x.size(); ++t) {
            Row s = y[t];
            if (c.scoring_func == "sigmoid") {
                for (double& e : s) e = 1 / (1 + std::exp(-e));
            } else {
                double sum = 0;
                for (double& e : s) sum += e = std::exp(e);
                for (double& e : s) e /= sum;
            }
            Row biased = s;
            if (c.has_router_bias())
                for (std::size_t e = 0; e < E; ++e)
                    biased[e] += w.at(p + "gate.e_score_correction_bias").at(static_cast<long>(e));
            if (groups) {
                std::vector<std::pair<double, std::size_t>> order;
                for (std::size_t g = 0; g < G; ++g) {
                    Row in(biased.begin() + static_cast<long>(g * E / G),
                           biased.begin() + static_cast<long>((g + 1) * E / G));
                    std::sort(in.rbegin(), in.rend());
                    order.push_back({-(c.has_router_bias() ? in[0] + in[1] : in[0]), g});
                }
                std::sort(order.begin(), order.end());
                for (std::size_t k = static_cast<std::size_t>(c.topk_group); k < G; ++k)
                    for (std::size_t e = 0; e < E / G; ++e)
                        biased[order[k].second * E / G + e] = -INFINITY;
            }
            std::vector<std::pair<double, std::size_t>> order;
            for (std::size_t e = 0; e < E; ++e) order.push_back({-biased[e], e});
            std::sort(order.begin(), order.end());
            double sum = 0;
            Row chosen, gates;
            for (std::size_t k = 0; k < static_cast<std::size_t>(c.num_experts_per_tok); ++k) {
                chosen.push_back(static_cast<double>(order[k].second));
                gates.push_back(s[order[k].second]);
                sum += gates.back();
            }
            for (double& g : gates)
                g = (c.scoring_func == "sigmoid" ? g / sum : g) * c.routed_scaling_factor;
            y[t].assign(x[t].size(), 0);
            for (std::size_t k = 0; k < chosen.size(); ++k) {
                const auto e = std::to_string(static_cast<int>(chosen[k]));
                const Row out = mlp({x[t]}, p + "experts." + e + ".")[0];
                for (std::size_t i = 0; i < out.size(); ++i) y[t][i] += gates[k] * out[i];
            }
            chosen_rows.push_back(chosen);
            weights.push_back(gates);
        }
        seen[name + "router_indices"] = chosen_rows;
        seen[name + "router_weights"] = weights;
        seen[name + "routed_out"] = y;
        if (c.n_shared_experts > 0) {
            const Rows shared = mlp(x, p + "shared_experts.");
            for (std::size_t t = 0; t < y.size(); ++t)
                for (std::size_t i = 0; i < y[t].size(); ++i) y[t][i] += shared[t][i];
        }
        return y;
    }
    Rows block(Rows x, const std::string& p, const std::string& name, bool sparse) {
        const auto add = [](Rows& a, const Rows& b) {
            for (std::size_t t = 0; t < a.size(); ++t)
                for (std::size_t i = 0; i < a[t].size(); ++i) a[t][i] += b[t][i];
        };
        const Rows h = norm(x, p + "input_layernorm.weight");
        seen[name + "attn_in"] = h;
        const Rows a = attention(h, p + "self_attn.");
        seen[name + "attn_out"] = a;
        add(x, a);
        const Rows u = norm(x, p + "post_attention_layernorm.weight");
        seen[name + "ffn_in"] = u;
        const Rows f = sparse ? moe(u, p + "mlp.", name) : mlp(u, p + "mlp.");
        seen[name + "ffn_out"] = f;
        add(x, f);
        seen[name + "hidden"] = x;
        return x;
    }
};

}  // namespace sf::test

#include "tests/support/reference.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

// The model against what DeepSeek's own code computed (tests/reference).

namespace sf {
namespace {

using test::by_expert;
using test::max_error;
using test::reference;
using test::same_sets;

struct Case {
    const char* name;
    AttentionMode attention;
    int threads;
};
void PrintTo(const Case& c, std::ostream* out) {
    *out << c.name << (c.attention == AttentionMode::naive ? "_naive" : "_absorbed") << "_"
         << c.threads;
}

class Golden : public testing::TestWithParam<Case> {};

double tolerance(const std::string& name) {
    return name.find("probs") != std::string::npos ? 2e-5 : 1e-4;
}

TEST_P(Golden, every_expected_tensor_is_met) {
    const Case& c = GetParam();
    const auto model = load_model(reference(c.name));
    const auto ids = read_ids(reference(c.name) / "input_ids.json");
    RunOptions options;
    options.attention = c.attention;
    options.threads = c.threads;
    const auto trace = run_trace(model, ids, options);
    const SafetensorsFile expected(reference(c.name) / "expected.safetensors");
    int compared = 0;
    for (const auto& [name, entry] : expected.entries()) {
        if (name == "inv_freq" || name == "logits_absorb" || name.find("decode_") == 0) continue;
        const Tensor want = expected.read(name);
        const Tensor* have = trace->find(name);
        ASSERT_NE(have, nullptr) << name;
        if (name.find("router_indices") != std::string::npos) {
            EXPECT_TRUE(same_sets(*have, want)) << name;
        } else if (name.find("router_weights") != std::string::npos) {
            const std::string indices = name.substr(0, name.rfind('.') + 1) + "router_indices";
            const auto experts = model->config.n_routed_experts;
            EXPECT_LE(max_error(by_expert(*have, *trace->find(indices), experts),
                                by_expert(want, expected.read(indices), experts)),
                      1e-4)
                << name;
        } else {
            EXPECT_EQ(have->shape, want.shape) << name;
            EXPECT_LE(max_error(*have, want), tolerance(name)) << name;
        }
        ++compared;
    }
    EXPECT_GE(compared, 20);
}

TEST_P(Golden, decoding_through_the_cache_equals_the_full_forward) {
    const Case& c = GetParam();
    const auto model = load_model(reference(c.name));
    const auto ids = read_ids(reference(c.name) / "input_ids.json");
    const Tensor have = decode_logits(model, ids, 5, c.attention, c.threads);
    const SafetensorsFile expected(reference(c.name) / "expected.safetensors");
    EXPECT_LE(max_error(have, expected.read("decode_logits")), 1e-4);
}

TEST_P(Golden, greedy_tokens_are_equal) {
    const Case& c = GetParam();
    const auto model = load_model(reference(c.name));
    const auto greedy = nlohmann::json::parse(read_file(reference(c.name) / "greedy.json"));
    for (std::size_t p = 0; p < greedy["prompts"].size(); ++p) {
        SamplingOptions options;
        options.max_new = 10;
        options.attention = c.attention;
        options.threads = c.threads;
        const auto out = generate(model, greedy["prompts"][p], options);
        std::vector<std::int64_t> have;
        for (const Drawn& d : out.drawn) have.push_back(d.id);
        EXPECT_EQ(have, greedy["greedy_continuations"][p].get<std::vector<std::int64_t>>());
        // The last drawn token never enters the cache.
        const auto tokens = static_cast<std::int64_t>(out.prompt_ids.size()) + 9;
        EXPECT_EQ(out.cache_bytes, tokens * cost(model->config).cache_floats_per_token *
                                       static_cast<std::int64_t>(sizeof(Real)));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Reference, Golden,
    testing::Values(Case{"A", AttentionMode::naive, 1}, Case{"A", AttentionMode::absorbed, 2},
                    Case{"B", AttentionMode::naive, 2}, Case{"B", AttentionMode::absorbed, 1},
                    Case{"C", AttentionMode::naive, 1}, Case{"C", AttentionMode::absorbed, 1}),
    testing::PrintToStringParamName());

TEST(GoldenMtp, the_module_computes_what_serving_code_computes) {
    const auto model = load_model(reference("B_mtp"));
    ASSERT_EQ(model->config.num_nextn_predict_layers, 1);
    for (const auto mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        RunOptions options;
        options.attention = mode;
        const auto trace =
            run_trace(model, read_ids(reference("B_mtp") / "input_ids.json"), options);
        const SafetensorsFile expected(reference("B_mtp") / "expected.safetensors");
        const std::pair<const char*, const char*> pairs[] = {
            {"mtp_logits", "mtp.1.logits"},    {"mtp_hidden", "mtp.1.hidden"},
            {"mtp_input", "mtp.1.input"},      {"main_logits", "logits"},
            {"main_final_norm", "final_norm"}, {"router_logits", "mtp.1.router_logits"},
        };
        for (const auto& [theirs, ours] : pairs) {
            const Tensor want = expected.read(theirs);
            ASSERT_NE(trace->find(ours), nullptr) << ours;
            EXPECT_EQ(trace->find(ours)->shape, want.shape) << ours;
            EXPECT_LE(max_error(*trace->find(ours), want), 1e-4) << ours;
        }
        EXPECT_TRUE(
            same_sets(*trace->find("mtp.1.router_indices"), expected.read("router_indices")));
    }
}

}  // namespace
}  // namespace sf

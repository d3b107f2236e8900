#include "core/run/cache_count.h"

#include "core/model/model.h"

#include <gtest/gtest.h>

#include <map>

namespace sf {
namespace {

const std::vector<std::int64_t> ids{5, 17, 42, 9, 101};

// What each kind keeps of a token and layer, by hand.
std::int64_t numbers(const CacheCount& c) {
    const ModelConfig& m = c.config;
    const std::int64_t key = m.qk_nope_head_dim + m.qk_rope_head_dim;
    if (c.kind == "MLA") return m.kv_lora_rank + m.qk_rope_head_dim;
    if (c.kind == "MHA") return m.num_attention_heads * (key + m.v_head_dim);
    if (c.kind == "MQA") return key + m.v_head_dim;
    return c.key_value_heads * (key + m.v_head_dim);
}

TEST(CacheCount, EveryBufferHoldsWhatItsKindKeeps) {
    for (const char* const preset : {"nano", "micro"}) {
        const ModelConfig config = ModelConfig::preset(preset);
        const auto kinds = count_caches(config, ids);
        ASSERT_EQ(kinds.size(), 4u);
        for (const CacheCount& c : kinds) {
            ASSERT_EQ(c.bytes.size(), ids.size());
            for (std::size_t t = 0; t < ids.size(); ++t)
                EXPECT_EQ(c.bytes[t], static_cast<std::int64_t>((t + 1) * sizeof(Real)) *
                                          config.num_hidden_layers * numbers(c))
                    << preset << " " << c.kind;
        }
        EXPECT_EQ(kinds[0].key_value_heads, config.num_attention_heads);
        EXPECT_EQ(kinds[1].key_value_heads, config.num_attention_heads / 2);
    }
}

TEST(CacheCount, KeepsTheModelsOwnGroups) {
    ModelConfig config = ModelConfig::preset("nano");
    config.attention_kind = "gqa";
    config.num_key_value_heads = 1;
    std::map<std::string, std::int64_t> last;
    for (const CacheCount& c : count_caches(config, ids)) last[c.kind] = c.bytes.back();
    EXPECT_EQ(last.size(), 3u);  // its own kind is MQA
    EXPECT_GT(last["MHA"], last["MQA"]);
    EXPECT_GT(last["MLA"], 0);
}

}  // namespace
}  // namespace sf

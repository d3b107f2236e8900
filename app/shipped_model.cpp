#include "app/shipped_model.h"

#ifdef SF_SHIPPED_MODEL
#include "embedded_shipped_model.h"
#endif
#ifdef SF_SHIPPED_TWIN
#include "embedded_shipped_twin.h"
#endif

namespace sf {

#ifdef SF_SHIPPED_MODEL
ModelPtr shipped_model() {
    const auto files = embedded_shipped_model();
    return load_model(
        SF_SHIPPED_MODEL,
        {find_embedded(files, "config.json"), find_embedded(files, "model.safetensors"),
         find_embedded(files, "tokenizer.json"), find_embedded(files, "history.safetensors")});
}
#else
ModelPtr shipped_model() {
    return nullptr;
}
#endif

#ifdef SF_SHIPPED_TWIN
ModelPtr shipped_twin(const ModelConfig& config) {
    static const ModelPtr twin = [] {
        const auto files = embedded_shipped_twin();
        return load_model(SF_SHIPPED_TWIN, {find_embedded(files, "config.json"),
                                            find_embedded(files, "model.safetensors"),
                                            {},
                                            {}});
    }();
    ModelConfig like = twin->config;
    like.attention_kind = config.attention_kind;
    like.num_key_value_heads = config.num_key_value_heads;
    like.kv_lora_rank = config.kv_lora_rank;
    return config.mla() && like == config ? twin : nullptr;
}
#else
ModelPtr shipped_twin(const ModelConfig&) {
    return nullptr;
}
#endif

}  // namespace sf

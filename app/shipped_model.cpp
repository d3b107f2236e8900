#include "app/shipped_model.h"

#ifdef SF_SHIPPED_MODEL
#include "embedded_shipped_model.h"
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

}  // namespace sf

#include "app/numpy.h"

#include <array>
#include <charconv>
#include <cmath>

namespace sf {

namespace {

constexpr std::int64_t numpy_limit = 65536;

// The shortest text that reads back as the same float.
std::string exact(const Tensor& tensor, std::int64_t i) {
    std::array<char, 64> text{};
    const auto k = static_cast<std::size_t>(i);
    const auto end =
        tensor.dtype == DType::real
            ? std::to_chars(text.data(), text.data() + text.size(), tensor.real[k]).ptr
            : std::to_chars(text.data(), text.data() + text.size(), tensor.ints[k]).ptr;
    return {text.data(), end};
}

std::string numpy_number(const Tensor& tensor, std::int64_t i) {
    const double v = tensor.at(i);
    if (std::isnan(v)) return "np.nan";
    if (std::isinf(v)) return v < 0 ? "-np.inf" : "np.inf";
    return exact(tensor, i);
}

bool inside(const Tensor* tensor, std::int64_t index) {
    return tensor && index >= 0 && index < tensor->size();
}

}  // namespace

std::string copy_value(const Trace& trace, const std::string& node, std::int64_t index) {
    const Tensor* tensor = trace.find(node);
    return inside(tensor, index) ? exact(*tensor, index) : "";
}

std::string copy_row(const Trace& trace, const std::string& node, std::int64_t index) {
    const Tensor* tensor = trace.find(node);
    if (!inside(tensor, index)) return "";
    const std::int64_t cols = tensor->shape.cols();
    const std::int64_t begin = index / cols * cols;
    std::string text;
    for (std::int64_t i = begin; i < begin + cols; ++i)
        text.append(i > begin ? "\t" : "").append(exact(*tensor, i));
    return text;
}

std::string copy_numpy(const Trace& trace, const std::string& node, std::int64_t index) {
    const Tensor* tensor = trace.find(node);
    if (!inside(tensor, index)) return "";
    const bool whole = tensor->size() <= numpy_limit;
    const std::int64_t cols = tensor->shape.cols();
    const std::int64_t begin = whole ? 0 : index / cols * cols;
    const std::int64_t end = whole ? tensor->size() : begin + cols;
    std::string text = "np.array([";
    for (std::int64_t i = begin; i < end; ++i)
        text.append(i > begin ? ", " : "").append(numpy_number(*tensor, i));
    text += tensor->dtype == DType::real ? "], dtype=np.float32)" : "], dtype=np.int64)";
    if (whole && tensor->shape.rank != 1) {
        text += ".reshape(";
        if (tensor->shape.rank == 0) text += "()";
        for (int d = 0; d < tensor->shape.rank; ++d)
            text.append(d ? ", " : "").append(std::to_string(tensor->shape[d]));
        text += ")";
    }
    text.append("  # ").append(node);
    if (!whole) text.append(", the row of ").append(index_text(tensor->shape, index));
    return text;
}

std::string index_text(const Shape& shape, std::int64_t index) {
    std::array<std::int64_t, Shape::max_rank> at{};
    for (int d = shape.rank - 1; d >= 0; --d) {
        const std::int64_t n = shape[d] > 0 ? shape[d] : 1;
        at[static_cast<std::size_t>(d)] = index % n;
        index /= n;
    }
    std::string text = "(";
    for (int d = 0; d < shape.rank; ++d)
        text.append(d ? ", " : "").append(std::to_string(at[static_cast<std::size_t>(d)]));
    return text + ")";
}

}  // namespace sf

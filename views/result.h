#pragma once

#include "views/view.h"

#include <string>

namespace sf {

// A costly result as far as it is there.
template <class T>
struct Result {
    const T* value = nullptr;
    double progress = 0;
    std::string error;
};

template <class T>
Result<T> result_of(const Frame& frame, const Need& need) {
    Result<T> r;
    const Derived::Entry* e = frame.derived != nullptr ? frame.derived->entry(need.key) : nullptr;
    if (e == nullptr) return r;
    r.value = dynamic_cast<const T*>(e->value.get());
    r.progress = e->progress;
    r.error = e->error;
    return r;
}

}  // namespace sf

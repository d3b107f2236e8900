#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

namespace sf {

// First-fit memory over time: blocks are taken and given back while a plan is made. Sizes in bytes,
// rounded up to cache lines.
class Blocks {
public:
    std::int64_t take(std::int64_t bytes) {
        bytes = rounded(bytes);
        for (auto it = free_.begin(); it != free_.end(); ++it)
            if (it->second >= bytes) {
                const auto [offset, size] = *it;
                free_.erase(it);
                if (size > bytes) free_.emplace(offset + bytes, size - bytes);
                return offset;
            }
        const auto offset = size_;
        size_ += bytes;
        return offset;
    }
    void give(std::int64_t offset, std::int64_t bytes) {
        bytes = rounded(bytes);
        auto [it, inserted] = free_.emplace(offset, bytes);
        if (auto next = std::next(it);
            next != free_.end() && it->first + it->second == next->first) {
            it->second += next->second;
            free_.erase(next);
        }
        if (it != free_.begin()) {
            auto before = std::prev(it);
            if (before->first + before->second == it->first) {
                before->second += it->second;
                free_.erase(it);
            }
        }
    }
    std::int64_t size() const { return size_; }

private:
    static std::int64_t rounded(std::int64_t bytes) {
        return std::max<std::int64_t>(64, (bytes + 63) / 64 * 64);
    }
    std::map<std::int64_t, std::int64_t> free_;
    std::int64_t size_ = 0;
};

}  // namespace sf

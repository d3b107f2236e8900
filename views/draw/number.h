#pragma once

#include <cstdint>
#include <string>

namespace sf {

// A value for a reader: `digits` significant digits, a true minus sign, thousands in groups;
// powers of ten only where plain figures would be long ("1.23×10⁻⁷"); "∞", "−∞", "NaN".
std::string format_number(double v, int digits = 4);

// With a fixed number of decimals, for columns and axes ("−0.50"). Never "−0.00".
std::string format_fixed(double v, int decimals);

std::string format_percent(double fraction);   // "37 %", "0.4 %"
std::string format_count(std::int64_t n);      // "1 234 567" with narrow spaces
std::string format_short(double v);            // "1.2k", "3.4M", "671B": counts and axes
std::string format_bytes(std::int64_t bytes);  // "1.5 KiB"
std::string format_seconds(double s);          // "1.2 ms"

}  // namespace sf

// Figures as an operator reads them.
#pragma once

#include <string>

namespace wayside::cli {

std::string duration_text(double seconds);  // 0.3 s, 41:07, 6 h 10 m, 61 d
std::string count_text(double count);       // 212, 24,100, 2.2 M
std::string bytes_text(double bytes);       // 900 B, 4.5 KiB, 1.2 GiB

}  // namespace wayside::cli

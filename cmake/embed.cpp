// Writes files as arrays of a C++ source, so that the program needs nothing beside itself:
//   sf_embed_tool OUT.cpp FUNCTION FILE...
// Whole 64-bit words keep the compiler fast (a byte array of fonts takes it many seconds).
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

int main(int argc, char** argv) {
    if (argc < 4) {
        std::cerr << "usage: embed OUT.cpp FUNCTION FILE...\n";
        return 2;
    }
    std::ofstream out(argv[1], std::ios::binary);
    std::string list;
    out << "#include \"cmake/embedded_file.h\"\n#include <cstdint>\nnamespace sf {\nnamespace {\n";
    for (int i = 3; i < argc; ++i) {
        const std::string path = argv[i];
        std::ifstream in(path, std::ios::binary);
        if (!in) {
            std::cerr << path << ": cannot be read\n";
            return 1;
        }
        std::string bytes((std::istreambuf_iterator<char>(in)), {});
        const std::size_t size = bytes.size();
        bytes.resize((size + 7) / 8 * 8 + 8, '\0');  // at least one word, zero-terminated
        const std::string id = "file" + std::to_string(i - 3);
        out << "const std::uint64_t " << id << "[] = {";
        for (std::size_t k = 0; k < bytes.size(); k += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data() + k, 8);
            out << (k % 64 == 0 ? "\n" : "") << word << "u,";
        }
        out << "};\n";
        const std::string name = path.substr(path.find_last_of("/\\") + 1);
        list += "    {\"" + name + "\", {reinterpret_cast<const char*>(" + id + "), " +
                std::to_string(size) + "}},\n";
    }
    out << "const EmbeddedFile files[] = {\n"
        << list << "};\n}  // namespace\n"
        << "std::span<const EmbeddedFile> " << argv[2]
        << "() { return files; }\n}  // namespace sf\n";
    out.close();
    if (!out) {
        std::cerr << argv[1] << ": cannot be written\n";
        return 1;
    }
    return 0;
}

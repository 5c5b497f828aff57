// Which blocks of a consumer's own size changed on any of several days: prints their indexes, and how many of all there are.
//
//     c++ -std=c++11 days.cpp $(pkg-config --cflags --libs changed_blocks) -o days
//     ./days 1099511627776 2097152 monday.b64 tuesday.b64
//
// The arguments are the virtual size of the disk and the size of the consumer's blocks, both in bytes, and files with answers
// of VDI.list_changed_blocks. The exit code is that of the command cbt: 0 done, 1 try again or tell a person, 2 wrong usage,
// 3 take a full backup, 4 busy.

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <changed_blocks.h>

namespace {

// An error of the library as an exception.
class Error : public std::runtime_error {
public:
    explicit Error(const cbt_error &error) : std::runtime_error(error.message), hint(error.hint), consequence(error.consequence) {}

    std::string hint;
    std::uint32_t consequence;
};

void require(cbt_code code, const cbt_error &error) {
    if (code != CBT_OK) {
        throw Error(error);
    }
}

struct Free {
    void operator()(cbt_bitmap *bitmap) const { cbt_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<cbt_bitmap, Free>;

Bitmap read(const std::string &path, std::uint64_t virtual_size) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) {
        throw std::runtime_error("cannot be read: " + path);
    }
    cbt_options options{};
    options.size = sizeof options;
    options.virtual_size = virtual_size;
    cbt_error error;
    cbt_bitmap *bitmap;
    require(cbt_bitmap_new(text.data(), text.size(), &options, 0, &bitmap, &error), error);
    return Bitmap(bitmap);
}

Bitmap union_of(const Bitmap &a, const Bitmap &b) {
    cbt_error error;
    cbt_bitmap *both;
    require(cbt_bitmap_combine(a.get(), b.get(), CBT_UNION, 0, &both, &error), error);
    return Bitmap(both);
}

Bitmap at_block_size(const Bitmap &bitmap, std::uint64_t block_size) {
    cbt_error error;
    cbt_bitmap *larger;
    require(cbt_bitmap_reblock(bitmap.get(), block_size, &larger, &error), error);
    return Bitmap(larger);
}

void print(const Bitmap &bitmap) {
    std::vector<std::uint64_t> indexes(4096);
    std::uint64_t from = 0, printed = 0, changed = 0, blocks = 0;
    std::size_t count = 0;
    cbt_error error;
    // Only a count of 0 with CBT_OK is the end.
    do {
        require(cbt_bitmap_indexes(bitmap.get(), from, indexes.data(), indexes.size(), &count, &error), error);
        for (std::size_t i = 0; i < count; i++) {
            std::cout << indexes[i] << '\n';
            from = indexes[i] + 1;
        }
        printed += count;
    } while (count > 0);
    require(cbt_bitmap_count(bitmap.get(), &changed, &error), error);
    require(cbt_bitmap_size(bitmap.get(), &blocks, nullptr, nullptr, &error), error);
    if (!std::cout.flush() || printed != changed) {
        throw std::runtime_error("the list was not written to its end");
    }
    std::cerr << changed << " of " << blocks << " blocks changed\n";
}

// A number of bytes; "1T" is none.
std::uint64_t number(const std::string &text) {
    char *end = nullptr;
    const std::uint64_t number = std::strtoull(text.c_str(), &end, 10);
    if (*end != '\0') {
        throw std::invalid_argument(text + " is no number of bytes");
    }
    return number;
}

int exit_code(std::uint32_t consequence) {
    switch (consequence) {
    case CBT_FULL_BACKUP:
        return 3;
    case CBT_BUSY:
        return 4;
    case CBT_WRONG_USAGE:
        return 2;
    default:
        return 1;
    }
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 4) {
        std::cerr << "usage: days VIRTUAL-SIZE BLOCK-SIZE ANSWER…\n";
        return 2;
    }
    try {
        const std::uint64_t virtual_size = number(argv[1]), block_size = number(argv[2]);
        Bitmap changed = read(argv[3], virtual_size);
        for (int i = 4; i < argc; i++) {
            changed = union_of(changed, read(argv[i], virtual_size));
        }
        print(at_block_size(changed, block_size));
        return 0;
    } catch (const Error &error) {
        std::cerr << "days: " << error.what() << '\n';
        if (!error.hint.empty()) {
            std::cerr << "hint: " << error.hint << '\n';
        }
        return exit_code(error.consequence);
    } catch (const std::invalid_argument &error) {
        std::cerr << "days: " << error.what() << '\n';
        return 2;
    } catch (const std::exception &error) {
        std::cerr << "days: " << error.what() << '\n';
        return 1;
    }
}

#include "app/cli.h"

int main(int argc, char** argv) {
    return sf::run_cli(argc, argv);
}

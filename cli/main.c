#include "verbs.h"

int main(int argc, char **argv)
{
    struct cli cli = {.passphrase_descriptor = -1, .out = stdout, .err = stderr};
    return cli_main(&cli, argc, argv);
}

#include "signer.h"

#include "output.h"

const char *cli_signer_wrong(const struct cli_signer *s, const char *key_file)
{
    if (s->command && key_file)
        return "--signer-command comes instead of a key file";
    return !s->command != !s->address ? "--signer-command and --signer-address go together" : NULL;
}

bool cli_signer_make(struct cli *cli, struct cli_signer *s)
{
    s->made = (struct pp_signer_command){.command = s->command, .timeout_ms = (uint32_t)s->timeout_s * 1000};
    enum pp_error error = pp_hex_parse(s->address, strlen(s->address), s->made.account.bytes, 20);
    if (error != PP_OK) {
        cli_fail(cli, error, "--signer-address %s is no account", s->address);
        return false;
    }
    s->signer = pp_signer_command(&s->made);
    return true;
}

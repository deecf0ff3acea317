/* What a stamp costs beside its signature: pp_bench is linked with --wrap=secp256k1_ecdsa_verify (part.cmake), so that every
 * call of the product's comes here, and is answered with yes at once while a benchmark wants it so. The product itself has no
 * such switch. The one variable stands here because the library's function has no argument for it. */
#include "bench.h"

#include <secp256k1.h>
#include <stdatomic.h>

static atomic_bool signatures_free;

void bench_signatures_free(bool free)
{
    atomic_store(&signatures_free, free);
}

/* The linker's names. */
int __real_secp256k1_ecdsa_verify(const secp256k1_context *context,
                                  const secp256k1_ecdsa_signature *signature, const unsigned char *digest,
                                  const secp256k1_pubkey *key);
int __wrap_secp256k1_ecdsa_verify(const secp256k1_context *context,
                                  const secp256k1_ecdsa_signature *signature, const unsigned char *digest,
                                  const secp256k1_pubkey *key);

int __wrap_secp256k1_ecdsa_verify(const secp256k1_context *context,
                                  const secp256k1_ecdsa_signature *signature, const unsigned char *digest,
                                  const secp256k1_pubkey *key)
{
    if (atomic_load_explicit(&signatures_free, memory_order_relaxed))
        return 1;
    return __real_secp256k1_ecdsa_verify(context, signature, digest, key);
}

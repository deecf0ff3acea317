/* pp/error.h - the one error type of the product.
 *
 * Every function that can fail returns enum pp_error and must be checked; results come through out_ pointers,
 * which stay untouched on failure. A bug is an assertion (pp/assert.h), not an error.
 * Numbers are on the wire and on disk. Source: specs/errors.md.
 */
#ifndef PP_ERROR_H
#define PP_ERROR_H

enum pp_error {
#define X(name, number, class, sentence, next) PP_##name = number,
#include "error.def"
#undef X
};

enum pp_error_class {
    PP_CLASS_NONE,
    PP_CLASS_INPUT, /* the sender is wrong */
    PP_CLASS_STATE, /* well formed, but not now */
    PP_CLASS_LIMIT, /* a named bound: shed load */
    PP_CLASS_FAULT, /* disk or memory: stop taking work */
};

#define PP_MUST_CHECK __attribute__((warn_unused_result))

/* Returns from the calling function when the expression is an error. */
#define PP_TRY(expression)                                                                                   \
    do {                                                                                                     \
        enum pp_error pp_try_error_ = (expression);                                                          \
        if (pp_try_error_ != PP_OK)                                                                          \
            return pp_try_error_;                                                                            \
    } while (0)

/* Static strings; "UNKNOWN_ERROR" and like for a number that is not in the table. */
const char *pp_error_name(enum pp_error error);
const char *pp_error_sentence(enum pp_error error);
const char *pp_error_next(enum pp_error error);
enum pp_error_class pp_error_class(enum pp_error error);
const char *pp_error_class_name(enum pp_error_class class_);

/* The table itself, in file order, for tests and for `pennypost errors`. */
struct pp_error_row {
    enum pp_error error;
    enum pp_error_class class_;
    const char *name;
    const char *sentence;
    const char *next;
};
const struct pp_error_row *pp_error_table(unsigned *out_count);

#endif

#include <pp/error.h>

#include <stddef.h>

static const struct pp_error_row rows[] = {
#define X(name, number, class, sentence, next) {PP_##name, PP_CLASS_##class, #name, sentence, next},
#include "error.def"
#undef X
};

static const struct pp_error_row *row_find(enum pp_error error)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].error == error)
            return &rows[i];
    return NULL;
}

const char *pp_error_name(enum pp_error error)
{
    const struct pp_error_row *row = row_find(error);
    return row ? row->name : "UNKNOWN_ERROR";
}

const char *pp_error_sentence(enum pp_error error)
{
    const struct pp_error_row *row = row_find(error);
    return row ? row->sentence : "an error that this program does not know";
}

const char *pp_error_next(enum pp_error error)
{
    const struct pp_error_row *row = row_find(error);
    return row ? row->next : "upgrade the program";
}

enum pp_error_class pp_error_class(enum pp_error error)
{
    const struct pp_error_row *row = row_find(error);
    return row ? row->class_ : PP_CLASS_FAULT;
}

const char *pp_error_class_name(enum pp_error_class class_)
{
    static const char *const names[] = {"NONE", "INPUT", "STATE", "LIMIT", "FAULT"};
    return (unsigned)class_ < sizeof names / sizeof names[0] ? names[class_] : "FAULT";
}

const struct pp_error_row *pp_error_table(unsigned *out_count)
{
    *out_count = sizeof rows / sizeof rows[0];
    return rows;
}

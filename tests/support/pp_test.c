#include "pp_test.h"

#include <stdlib.h>

int pp_test_main(const char *name, const TTest *const *const *tests, unsigned count)
{
    Suite *suite = suite_create(name);
    TCase *test_case = tcase_create(name);
    tcase_set_timeout(test_case, PP_TEST_TIMEOUT_S);
    for (unsigned i = 0; i < count; i++)
        tcase_add_test(test_case, *tests[i]);
    suite_add_tcase(suite, test_case);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#include <pp/congestion.h>

#include <pp/amount.h>
#include <pp/assert.h>

#include <string.h>

/* FEE-023: from which ratio of load to target on there are 1, 2, ... 100 units, in units of 10^-15, rounded up:
 * 1 + ln(1 + u / 100 x (e^2 - 1)) / 4. No load and target below 20,000 come closer than 7 x 10^-11 to a row. */
#define RATIO_ONE UINT64_C(1000000000000000)
static const uint64_t thresholds[PP_CONGESTION_UNITS_MAX] = {
    UINT64_C(1015483132354083), UINT64_C(1030063023362104), UINT64_C(1043839274238143), UINT64_C(1056895868853367), UINT64_C(1069304277236236),
    UINT64_C(1081125824507985), UINT64_C(1092413524493276), UINT64_C(1103213516915734), UINT64_C(1113566206772870), UINT64_C(1123507177011045),
    UINT64_C(1133067926562743), UINT64_C(1142276472372171), UINT64_C(1151157844421469), UINT64_C(1159734495797021), UINT64_C(1168026644714441),
    UINT64_C(1176052561616130), UINT64_C(1183828811598081), UINT64_C(1191370460255457), UINT64_C(1198691249377297), UINT64_C(1205803747639423),
    UINT64_C(1212719480447053), UINT64_C(1219449042295983), UINT64_C(1226002194402791), UINT64_C(1232387949862509), UINT64_C(1238614648198311),
    UINT64_C(1244690020850444), UINT64_C(1250621248894609), UINT64_C(1256415014070583), UINT64_C(1262077544030506), UINT64_C(1267614652575168),
    UINT64_C(1273031775530084), UINT64_C(1278334002816354), UINT64_C(1283526107190565), UINT64_C(1288612570060478), UINT64_C(1293597604726416),
    UINT64_C(1298485177350384), UINT64_C(1303279025914412), UINT64_C(1307982677395146), UINT64_C(1312599463352374), UINT64_C(1317132534104070),
    UINT64_C(1321584871639017), UINT64_C(1325959301399573), UINT64_C(1330258503051176), UINT64_C(1334485020341384), UINT64_C(1338641270139280),
    UINT64_C(1342729550735685), UINT64_C(1346752049475533), UINT64_C(1350710849785892), UINT64_C(1354607937656137), UINT64_C(1358445207620757),
    UINT64_C(1362224468289902), UINT64_C(1365947447468090), UINT64_C(1369615796897329), UINT64_C(1373231096657263), UINT64_C(1376794859251653),
    UINT64_C(1380308533407677), UINT64_C(1383773507611909), UINT64_C(1387191113404591), UINT64_C(1390562628451750), UINT64_C(1393889279412907),
    UINT64_C(1397172244620478), UINT64_C(1400412656585512), UINT64_C(1403611604343109), UINT64_C(1406770135649659), UINT64_C(1409889259043011),
    UINT64_C(1412969945775692), UINT64_C(1416013131630460), UINT64_C(1419019718626671), UINT64_C(1421990576625266), UINT64_C(1424926544839492),
    UINT64_C(1427828433257949), UINT64_C(1430697023985990), UINT64_C(1433533072511025), UINT64_C(1436337308896866), UINT64_C(1439110438911814),
    UINT64_C(1441853145094877), UINT64_C(1444566087764123), UINT64_C(1447249905970909), UINT64_C(1449905218403436), UINT64_C(1452532624242811),
    UINT64_C(1455132703974604), UINT64_C(1457706020158624), UINT64_C(1460253118159484), UINT64_C(1462774526840325), UINT64_C(1465270759221902),
    UINT64_C(1467742313109089), UINT64_C(1470189671686716), UINT64_C(1472613304086532), UINT64_C(1475013665926933), UINT64_C(1477391199827038),
    UINT64_C(1479746335896546), UINT64_C(1482079492202730), UINT64_C(1484391075215842), UINT64_C(1486681480234120), UINT64_C(1488951091789493),
    UINT64_C(1491200284035042), UINT64_C(1493429421115182), UINT64_C(1495638857519492), UINT64_C(1497828938421035), UINT64_C(1500000000000000),};

static uint64_t minute_of(uint64_t now_ms)
{
    return now_ms / PP_MINUTE_MS;
}

void pp_congestion_init(struct pp_congestion *window, uint64_t now_ms)
{
    memset(window, 0, sizeof *window);
    window->minute = minute_of(now_ms);
}

void pp_congestion_advance(struct pp_congestion *window, uint64_t now_ms)
{
    uint64_t minute = minute_of(now_ms);
    if (minute <= window->minute) /* FEE-020: time that goes back changes nothing */
        return;
    uint64_t passed = minute - window->minute;
    window->minute = minute;
    for (unsigned i = PP_CONGESTION_MINUTES; i-- > 0;)
        window->counts[i] = i >= passed ? window->counts[i - passed] : 0;
}

void pp_congestion_count(struct pp_congestion *window, uint64_t now_ms, uint32_t messages)
{
    pp_congestion_advance(window, now_ms);
    uint32_t room = UINT32_MAX - window->counts[0];
    window->counts[0] += messages < room ? messages : room;
}

uint32_t pp_congestion_average_floor(const struct pp_congestion *window)
{
    uint64_t sum = 0;
    for (unsigned i = 1; i < PP_CONGESTION_MINUTES; i++)
        sum += (uint64_t)(PP_CONGESTION_MINUTES - i) * window->counts[i];
    return (uint32_t)(sum / 10);
}

uint32_t pp_congestion_units_of(uint32_t load, uint32_t target_per_minute)
{
    if (target_per_minute == 0)
        return 0;
    pp_u128 scaled_load = (pp_u128)load * RATIO_ONE;
    uint32_t low = 0, high = PP_CONGESTION_UNITS_MAX; /* the answer is within, both ends included */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (scaled_load >= (pp_u128)target_per_minute * thresholds[middle])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t pp_congestion_units(const struct pp_congestion *window, uint32_t target_per_minute)
{
    uint32_t load = pp_congestion_average_floor(window);
    for (unsigned i = 0; i < 2; i++)
        if (window->counts[i] > load)
            load = window->counts[i];
    return pp_congestion_units_of(load, target_per_minute);
}

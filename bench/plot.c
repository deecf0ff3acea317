#include "plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#define WIDTH 760
#define HEIGHT 440
#define LEFT 86
#define RIGHT 190 /* room for the legend */
#define TOP 52
#define BOTTOM 64
#define LEGEND_STEP 22

/* Told apart also without colour: each line has another mark. */
static const char *const colours[PLOT_LINES_MAX] = {"#0b6e99", "#c2571a", "#4b7f2c", "#7a4b94"};

struct axis {
    double low, high; /* decimal logarithms */
    double start, length;
};

const char *plot_number_print(uint64_t number, char out[32])
{
    static const char units[] = {'\0', 'k', 'M', 'G', 'T'};
    unsigned unit = 0;
    while (number >= 1000 && number % 1000 == 0 && unit + 1 < sizeof units) {
        number /= 1000;
        unit++;
    }
    snprintf(out, 32, "%" PRIu64 "%c", number, units[unit]);
    return out;
}

static double log_of(uint64_t number)
{
    return number < 1 ? 0 : log10((double)number);
}

static double place(const struct axis *axis, double logarithm)
{
    return axis->start + axis->length * (logarithm - axis->low) / (axis->high - axis->low);
}

static uint64_t coordinate(const struct plot_point *point, bool is_x)
{
    return is_x ? point->x : point->y;
}

/* From a round number below the smallest to one above the largest: a 1, 2 or 5 with zeros. */
static void axis_fit(const struct plot *plot, bool is_x, struct axis *axis)
{
    static const double rounds[] = {0, 0.30102999566, 0.69897000434, 1};
    double low = 99, high = 0;
    for (size_t line = 0; line < plot->lines_count; line++)
        for (size_t i = 0; i < plot->lines[line].count; i++) {
            double at = log_of(coordinate(&plot->lines[line].points[i], is_x));
            low = at < low ? at : low;
            high = at > high ? at : high;
        }
    if (low > high)
        low = high = 0;
    double base = floor(low), top = floor(high);
    unsigned i = 2, k = 0;
    while (i > 0 && base + rounds[i] > low)
        i--;
    while (k < 3 && top + rounds[k] < high)
        k++;
    axis->low = base + rounds[i];
    axis->high = top + rounds[k];
    if (axis->high - axis->low < 0.99) { /* a whole decade at least: what is nearly flat looks so */
        axis->low = base;
        axis->high = ceil(high) > base ? ceil(high) : base + 1;
    }
}

static void text_put(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        default:
            fputc(*text, out);
        }
}

static void label_put(FILE *out, double x, double y, const char *more, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, more);
    text_put(out, text);
    fputs("</text>\n", out);
}

/* Grid and numbers at 1, 2 and 5 with zeros; only at 1 when the axis is long. */
static void grid_put(FILE *out, const struct axis *axis, const struct axis *other, bool is_x)
{
    static const uint64_t digits[] = {1, 2, 5};
    const bool few = axis->high - axis->low > 3.5;
    char number[32];
    uint64_t power = 1;
    for (unsigned decade = 0; decade < 16; decade++, power *= 10)
        for (unsigned i = 0; i < (few ? 1u : 3u); i++) {
            double at = log_of(digits[i] * power);
            if (at < axis->low - 1e-6 || at > axis->high + 1e-6)
                continue;
            double here = place(axis, at), begin = other->start, end = other->start + other->length;
            fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n",
                    is_x ? here : begin, is_x ? begin : here, is_x ? here : end, is_x ? end : here);
            if (is_x)
                label_put(out, here, HEIGHT - BOTTOM + 18, "text-anchor=\"middle\"",
                          plot_number_print(digits[i] * power, number));
            else
                label_put(out, LEFT - 8, here + 4, "text-anchor=\"end\"",
                          plot_number_print(digits[i] * power, number));
        }
}

static void mark_put(FILE *out, size_t line, double x, double y)
{
    if (line % 2 == 0)
        fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", x, y, colours[line]);
    else
        fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\" fill=\"%s\"/>\n", x - 4, y - 4,
                colours[line]);
}

static void line_put(FILE *out, const struct plot_line *line, size_t number, const struct axis *x,
                     const struct axis *y)
{
    const char *dashes = number % 2 == 0 ? "" : " stroke-dasharray=\"6 4\"";
    fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s points=\"", colours[number],
            dashes);
    for (size_t i = 0; i < line->count; i++)
        fprintf(out, "%s%.1f,%.1f", i > 0 ? " " : "", place(x, log_of(line->points[i].x)),
                place(y, log_of(line->points[i].y)));
    fputs("\"/>\n", out);
    for (size_t i = 0; i < line->count; i++)
        mark_put(out, number, place(x, log_of(line->points[i].x)), place(y, log_of(line->points[i].y)));
    const double legend_x = WIDTH - RIGHT + 16, legend_y = TOP + 12 + (double)(number * LEGEND_STEP);
    fprintf(out,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"2\"%s/>\n",
            legend_x, legend_y, legend_x + 26, legend_y, colours[number], dashes);
    mark_put(out, number, legend_x + 13, legend_y);
    label_put(out, legend_x + 32, legend_y + 4, "", line->name);
}

void plot_write(FILE *out, const struct plot *plot)
{
    struct axis x = {.start = LEFT, .length = WIDTH - LEFT - RIGHT};
    struct axis y = {.start = HEIGHT - BOTTOM, .length = -(HEIGHT - TOP - BOTTOM)}; /* upwards */
    axis_fit(plot, true, &x);
    axis_fit(plot, false, &y);
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
    label_put(out, LEFT, TOP - 22, "font-size=\"16\" font-weight=\"bold\"", plot->title);
    grid_put(out, &x, &y, true);
    grid_put(out, &y, &x, false);
    fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#555\"/>\n", LEFT,
            TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    label_put(out, LEFT + x.length / 2, HEIGHT - 20, "text-anchor=\"middle\"", plot->x_label);
    fprintf(out, "<g transform=\"translate(22 %.1f) rotate(-90)\">", TOP + (HEIGHT - TOP - BOTTOM) / 2.0);
    label_put(out, 0, 0, "text-anchor=\"middle\"", plot->y_label);
    fputs("</g>\n", out);
    for (size_t i = 0; i < plot->lines_count && i < PLOT_LINES_MAX; i++)
        line_put(out, &plot->lines[i], i, &x, &y);
    fputs("</svg>\n", out);
}

/* Depth-first tiling. A window is a run of neighbouring steps that all can be cut by rows. Its last
 * result is computed band by band; walking back through the steps tells which rows each of them owes to the
 * ones behind it. A buffer that only the window touches then holds the rows of one band; rows that two
 * bands need are computed twice. Buffers that others touch too stay whole, and every row of
 * them is computed once.
 *
 * Search: take the step where the workspace is fullest, try the windows around it with growing numbers of
 * bands, keep the one that needs least, go on with what is fullest then. In the end every window gets the
 * bands that repeat least work and still stay below the peak that is left. Deterministic, and bounded
 * by the constants of tile.h. */
#include "lower/tile.h"

enum { MAX_WINDOWS = 64, MAX_STEPS = 3 * AXC_TILE_MAX_DEPTH, MAX_SLOTS = MAX_STEPS * AXK_MAX_BUFS };

static const int band_counts[] = {2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};

typedef struct Window {
	uint32_t first, last; /* steps */
	int bands;
	size_t bytes;         /* most that is alive at once inside */
	int64_t work;
} Window;

/* A buffer that the open window's steps touch by rows. */
typedef struct Slot {
	uint32_t buf;
	size_t pitch;
	int rows;
	bool written, read, rowwise; /* rowwise: all who touch it agree what a row is */
	bool inner;                  /* nobody else touches it */
} Slot;

/* Rows of one band: of every step's result, of every slot. */
typedef struct Band {
	AxcSpan out[MAX_STEPS], slot[MAX_SLOTS];
} Band;

typedef struct Search {
	AxcProgram *p;
	AxcDiag *d;
	int depth, n_counts;
	AxcRows *rows;         /* per step; out == 0: it cannot be cut */
	int *first, *last;     /* per buffer: steps that touch it */
	size_t *live;          /* per step */
	int *window_of;        /* per step: the window it is in, or -1 */
	void *pack_room;       /* for the largest weights */
	uint32_t *slot_of;     /* per buffer: slot + 1 in the open window */
	Slot slot[MAX_SLOTS];
	uint32_t n_slots;
	int done[MAX_STEPS];   /* rows of a step's result that earlier bands computed */
	Band band;
	Window window[MAX_WINDOWS];
	uint32_t n_windows;
} Search;

static size_t room_of(size_t bytes)
{
	return axc_align_up(AXC_MAX(bytes, (size_t)1), AXK_ALIGN);
}

static bool in_workspace(const Search *s, uint32_t buf)
{
	return buf && s->p->bufs.at[buf].space == AXC_SPACE_WS;
}

/* ---- what is alive when ---- */

static void touch(Search *s, uint32_t buf, int step)
{
	if (!in_workspace(s, buf))
		return;
	if (s->first[buf] < 0)
		s->first[buf] = step;
	s->last[buf] = step;
}

static void find_live(Search *s)
{
	const AxcProgram *p = s->p;
	int64_t *delta = AXC_NEW_ARRAY(p->arena, int64_t, p->steps.n + 1), now = 0;
	for (uint32_t i = 0; i < p->bufs.n; i++)
		s->first[i] = s->last[i] = -1;
	for (uint32_t i = 0; i < p->steps.n; i++) {
		for (uint32_t k = 0; k < p->steps.at[i].n_args; k++)
			touch(s, p->steps.at[i].arg[k].buf, (int)i);
		touch(s, p->steps.at[i].scratch, (int)i);
	}
	for (uint32_t i = 1; i < p->bufs.n; i++) {
		if (s->first[i] < 0)
			continue;
		delta[s->first[i]] += (int64_t)room_of(p->bufs.at[i].bytes);
		delta[s->last[i] + 1] -= (int64_t)room_of(p->bufs.at[i].bytes);
	}
	for (uint32_t i = 0; i < p->steps.n; i++)
		s->live[i] = (size_t)(now += delta[i]);
}

/* ---- rows of every step; element-wise steps learn from their neighbours what a row is ---- */

static bool learn_rows(Search *s, uint32_t step, size_t *pitch)
{
	AxcRows *r = &s->rows[step];
	const AxcStep *t = &s->p->steps.at[step];
	if (r->out || !axc_rows_of(t, pitch, r)) {
		if (!r->out)
			*r = (AxcRows){0};
		return false;
	}
	for (uint32_t k = 0; k < t->n_args; k++)
		if (r->arg[k].use != AXC_ROW_WHOLE && in_workspace(s, t->arg[k].buf) && !pitch[t->arg[k].buf])
			pitch[t->arg[k].buf] = r->arg[k].pitch;
	return true;
}

static void find_rows(Search *s)
{
	size_t *pitch = AXC_NEW_ARRAY(s->p->arena, size_t, s->p->bufs.n);
	uint32_t n = s->p->steps.n;
	for (uint32_t i = 0; i < n; i++)
		(void)learn_rows(s, i, pitch);
	for (uint32_t i = n; i-- > 0;)
		(void)learn_rows(s, i, pitch);
}

/* ---- a window ---- */

static uint32_t slot_for(Search *s, uint32_t buf, const AxcRowArg *a, int rows)
{
	if (!s->slot_of[buf]) {
		s->slot[s->n_slots] = (Slot){.buf = buf, .pitch = a->pitch, .rows = rows, .rowwise = true};
		s->slot_of[buf] = ++s->n_slots;
	}
	return s->slot_of[buf] - 1;
}

static void open_step(Search *s, uint32_t step)
{
	const AxcStep *t = &s->p->steps.at[step];
	const AxcRows *r = &s->rows[step];
	for (uint32_t k = 0; k < t->n_args; k++) {
		const AxcRowArg *a = &r->arg[k];
		if (!in_workspace(s, t->arg[k].buf))
			continue;
		int rows = a->use == AXC_ROW_WINDOW ? r->in : r->out;
		Slot *slot = &s->slot[slot_for(s, t->arg[k].buf, a, rows)];
		slot->written = slot->written || a->use == AXC_ROW_OUT;
		slot->read = slot->read || a->use != AXC_ROW_OUT;
		slot->rowwise = slot->rowwise && a->use != AXC_ROW_WHOLE && slot->pitch == a->pitch && slot->rows == rows &&
		                t->arg[k].offset + a->span <= a->pitch;
	}
}

static void close_window(Search *s)
{
	for (uint32_t i = 0; i < s->n_slots; i++)
		s->slot_of[s->slot[i].buf] = 0;
	s->n_slots = 0;
}

/* False: the steps cannot run band by band, or nothing would become smaller. */
static bool open_window(Search *s, uint32_t first, uint32_t last)
{
	bool any = false;
	close_window(s);
	for (uint32_t i = first; i <= last; i++)
		open_step(s, i);
	for (uint32_t i = 0; i < s->n_slots; i++) {
		Slot *x = &s->slot[i];
		if (!x->written || !x->read)
			continue;
		if (!x->rowwise)
			return false;
		x->inner = s->first[x->buf] >= (int)first && s->last[x->buf] <= (int)last;
		any = any || x->inner;
	}
	return any;
}

static const Slot *slot_of_arg(const Search *s, const AxcStep *t, uint32_t k, uint32_t *ret_index)
{
	uint32_t at = s->slot_of[t->arg[k].buf];
	*ret_index = at ? at - 1 : 0;
	return at ? &s->slot[at - 1] : NULL;
}

static void need(AxcSpan *have, AxcSpan more)
{
	if (have->begin == have->end)
		*have = more;
	else
		*have = (AxcSpan){AXC_MIN(have->begin, more.begin), AXC_MAX(have->end, more.end)};
}

/* Rows of the result that a step owes to band k of n. */
static AxcSpan rows_owed(Search *s, const Window *w, uint32_t i, int k, int n)
{
	const AxcStep *t = &s->p->steps.at[i];
	const AxcRows *r = &s->rows[i];
	int *done = &s->done[i - w->first];
	uint32_t at;
	const Slot *x = slot_of_arg(s, t, 0, &at);
	if (x && x->inner) {
		AxcSpan owed = s->band.slot[at];
		if (owed.begin < owed.end)
			need(&s->band.slot[at], owed = axc_rows_aligned(r, owed));
		return owed;
	}
	AxcSpan out = {*done, (int)((int64_t)r->out * (k + 1) / n)};
	if (x && x->read && k + 1 < n)
		out.end = AXC_MAX(*done, s->band.slot[at].end);
	out = axc_rows_aligned(r, out);
	*done = out.end;
	return out;
}

/* Fills s->band for band k of n, from the last step to the first. Bands come in order, beginning at 0. */
static void find_band(Search *s, const Window *w, int k, int n)
{
	uint32_t at;
	if (k == 0)
		memset(s->done, 0, sizeof s->done);
	for (uint32_t i = 0; i < s->n_slots; i++)
		s->band.slot[i] = (AxcSpan){0, 0};
	for (uint32_t i = w->last + 1; i-- > w->first;) {
		const AxcStep *t = &s->p->steps.at[i];
		const AxcRows *r = &s->rows[i];
		AxcSpan out = s->band.out[i - w->first] = rows_owed(s, w, i, k, n);
		for (uint32_t a = 1; a < t->n_args && out.begin < out.end; a++)
			if (r->arg[a].use != AXC_ROW_WHOLE && slot_of_arg(s, t, a, &at))
				need(&s->band.slot[at], r->arg[a].use == AXC_ROW_WINDOW ? axc_rows_needed(r, out) : out);
	}
}

/* Bytes alive during the window but for its inner buffers and its scratch. */
static size_t bytes_around(const Search *s, const Window *w)
{
	const AxcProgram *p = s->p;
	size_t bytes = s->live[w->first];
	uint32_t scratch = p->steps.at[w->first].scratch;
	if (scratch)
		bytes -= room_of(p->bufs.at[scratch].bytes);
	for (uint32_t i = 0; i < s->n_slots; i++) {
		const Slot *x = &s->slot[i];
		size_t room = room_of(p->bufs.at[x->buf].bytes);
		if (s->first[x->buf] > (int)w->first && !x->inner)
			bytes += room;
		else if (s->first[x->buf] == (int)w->first && x->inner)
			bytes -= room;
	}
	return bytes;
}

/* Most bytes of inner buffers and scratch alive at once in the current band. */
static size_t bytes_in_band(const Search *s, const Window *w)
{
	int64_t delta[MAX_STEPS + 1] = {0}, now = 0;
	size_t most = 0;
	uint32_t at, from[MAX_SLOTS], to[MAX_SLOTS];
	bool seen[MAX_SLOTS] = {false};
	for (uint32_t i = w->first; i <= w->last; i++) {
		const AxcStep *t = &s->p->steps.at[i];
		AxcSpan out = s->band.out[i - w->first];
		for (uint32_t a = 0; a < t->n_args && out.begin < out.end; a++) {
			const Slot *x = slot_of_arg(s, t, a, &at);
			if (!x || !x->inner)
				continue;
			if (!seen[at])
				from[at] = i - w->first;
			seen[at] = true;
			to[at] = i - w->first;
		}
	}
	for (uint32_t i = 0; i < s->n_slots; i++) {
		if (!seen[i])
			continue;
		size_t rows = (size_t)(s->band.slot[i].end - s->band.slot[i].begin);
		delta[from[i]] += (int64_t)room_of(rows * s->slot[i].pitch);
		delta[to[i] + 1] -= (int64_t)room_of(rows * s->slot[i].pitch);
	}
	for (uint32_t i = w->first; i <= w->last; i++) {
		AxcSpan out = s->band.out[i - w->first];
		size_t scratch = 0;
		if (out.begin < out.end)
			scratch = axc_rows_scratch(s->p, &s->p->steps.at[i], &s->rows[i], out);
		now += delta[i - w->first];
		most = AXC_MAX(most, (size_t)now + (scratch ? room_of(scratch) : 0));
	}
	return most;
}

/* What the open window needs and costs with w->bands bands. */
static void measure(Search *s, Window *w)
{
	size_t inside = 0;
	w->work = 0;
	for (int k = 0; k < w->bands; k++) {
		find_band(s, w, k, w->bands);
		inside = AXC_MAX(inside, bytes_in_band(s, w));
		for (uint32_t i = 0; i <= w->last - w->first; i++)
			w->work += s->rows[w->first + i].work * (s->band.out[i].end - s->band.out[i].begin);
	}
	w->bytes = bytes_around(s, w) + inside;
}

/* ---- search ---- */

/* Copies and conversions at the edges of the network are no operators of it. */
static int operators(const Search *s, uint32_t i)
{
	AxkKind kind = s->p->steps.at[i].kernel->kind;
	bool moves = kind == AXK_COPY || kind == AXK_QUANTIZE || kind == AXK_DEQUANTIZE;
	return !moves && (i == 0 || s->p->steps.at[i].layer != s->p->steps.at[i - 1].layer);
}

static uint32_t steps_added(const Search *s)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->n_windows; i++)
		n += (s->window[i].last - s->window[i].first + 1) * (uint32_t)s->window[i].bands;
	return n;
}

static void set_window_of(Search *s, const Window *w, int value)
{
	for (uint32_t i = w->first; i <= w->last; i++)
		s->window_of[i] = value;
}

static void clear_windows(Search *s)
{
	s->n_windows = 0;
	for (uint32_t i = 0; i < s->p->steps.n; i++)
		s->window_of[i] = -1;
}

/* Adds the window, or puts it in the place of another one. */
static void keep_window(Search *s, const Window *w, int instead_of)
{
	int at = instead_of < 0 ? (int)s->n_windows++ : instead_of;
	if (instead_of >= 0)
		set_window_of(s, &s->window[at], -1);
	s->window[at] = *w;
	set_window_of(s, w, at);
}

static int last_rows(const Search *s, const Window *w)
{
	return s->rows[w->last].out;
}

/* Tries the open window with every band count; *best becomes the one that needs least memory. */
static void try_counts(Search *s, Window w, uint32_t added, Window *best)
{
	for (int c = 0; c < s->n_counts && band_counts[c] <= last_rows(s, &w); c++) {
		w.bands = band_counts[c];
		if (added + (w.last - w.first + 1) * (uint32_t)w.bands > AXC_TILE_MAX_STEPS)
			return;
		measure(s, &w);
		if (w.bytes < best->bytes || (w.bytes == best->bytes && w.work < best->work))
			*best = w;
	}
}

static bool may_join(const Search *s, uint32_t step, int window)
{
	int other = s->window_of[step];
	return s->rows[step].out > 0 && (other < 0 || other == window);
}

/* The best window around `step` that needs less than `bytes`. `window`: the one to replace, or -1. */
static bool best_around(Search *s, uint32_t step, int window, size_t bytes, Window *ret)
{
	Window best = {.bytes = bytes};
	uint32_t added = steps_added(s);
	int before = 0;
	if (!may_join(s, step, window))
		return false;
	for (uint32_t first = step;; first--) {
		int ops = before += operators(s, first);
		for (uint32_t last = step; ops <= s->depth && last - first < MAX_STEPS; last++) {
			if (last > first && open_window(s, first, last))
				try_counts(s, (Window){.first = first, .last = last}, added, &best);
			if (last + 1 == s->p->steps.n || !may_join(s, last + 1, window))
				break;
			ops += operators(s, last + 1);
		}
		if (before > s->depth || first == 0 || step - first + 1 >= MAX_STEPS || !may_join(s, first - 1, window))
			break;
	}
	close_window(s);
	*ret = best;
	return best.bands > 0;
}

/* Where the workspace is fullest: a step, and the window it is in or -1. */
static size_t fullest(const Search *s, uint32_t *ret_step, int *ret_window)
{
	size_t most = 0;
	*ret_step = 0;
	*ret_window = -1;
	uint32_t of_window[MAX_WINDOWS];
	for (uint32_t i = 0; i < s->n_windows; i++)
		of_window[i] = s->window[i].first;
	for (uint32_t t = 0; t < s->p->steps.n; t++) {
		int w = s->window_of[t];
		if (w >= 0 && s->live[t] > s->live[of_window[w]])
			of_window[w] = t;
		if (w < 0 && s->live[t] > most) {
			most = s->live[t];
			*ret_step = t;
		}
	}
	for (uint32_t i = 0; i < s->n_windows; i++)
		if (s->window[i].bytes > most) {
			most = s->window[i].bytes;
			*ret_step = of_window[i];
			*ret_window = (int)i;
		}
	return most;
}

static size_t search(Search *s)
{
	for (int round = 0; round < 2 * MAX_WINDOWS; round++) {
		uint32_t step;
		int window;
		Window best;
		size_t most = fullest(s, &step, &window);
		if ((window < 0 && s->n_windows == MAX_WINDOWS) || !best_around(s, step, window, most, &best))
			return most;
		keep_window(s, &best, window);
	}
	uint32_t step;
	int window;
	return fullest(s, &step, &window);
}

/* Fewer bands where they stay below the peak anyway. */
static void relax(Search *s, size_t most)
{
	for (uint32_t i = 0; i < s->n_windows; i++) {
		Window *w = &s->window[i];
		if (!open_window(s, w->first, w->last))
			continue;
		for (int c = 0; c < s->n_counts && band_counts[c] < w->bands; c++) {
			Window fewer = {.first = w->first, .last = w->last, .bands = band_counts[c]};
			measure(s, &fewer);
			if (fewer.bytes <= most) {
				*w = fewer;
				break;
			}
		}
	}
}

/* ---- making the steps ---- */

/* One band's step, its inner buffers those of the band; false: its weights would have to be packed anew. */
static bool append_cut(Search *s, AxcProgram *to, const Window *w, uint32_t i, const uint32_t *buf)
{
	const AxcStep *t = &s->p->steps.at[i];
	AxcStep cut = axc_rows_cut(to->arena, t, &s->rows[i], s->band.out[i - w->first]);
	for (uint32_t a = 0; a < t->n_args; a++) {
		uint32_t at;
		const Slot *x = slot_of_arg(s, t, a, &at);
		if (!x || !x->inner)
			continue;
		cut.arg[a].buf = buf[at];
		cut.arg[a].offset -= (size_t)s->band.slot[at].begin * x->pitch;
	}
	if (!axc_rows_weights_fit(s->p, t, &cut, s->pack_room))
		return false;
	axc_tile_append(to, cut);
	return true;
}

/* Appends a window's bands; a step that turns out not to be cut so is marked, and the result is false. */
static bool append_window(Search *s, AxcProgram *to, const Window *w)
{
	uint32_t buf[MAX_SLOTS] = {0};
	if (!open_window(s, w->first, w->last))
		return false;
	for (int k = 0; k < w->bands; k++) {
		find_band(s, w, k, w->bands);
		for (uint32_t i = 0; i < s->n_slots; i++) {
			const Slot *x = &s->slot[i];
			int rows = s->band.slot[i].end - s->band.slot[i].begin;
			if (!x->inner || !rows)
				continue;
			AxcBuf b = {.name = s->p->bufs.at[x->buf].name, .space = AXC_SPACE_WS, .first = -1, .last = -1,
			            .bytes = (size_t)rows * x->pitch};
			AXC_PUSH(to->arena, &to->bufs, b);
			buf[i] = to->bufs.n - 1;
		}
		for (uint32_t i = w->first; i <= w->last; i++) {
			AxcSpan out = s->band.out[i - w->first];
			if (out.begin < out.end && !append_cut(s, to, w, i, buf)) {
				s->rows[i] = (AxcRows){0};
				return false;
			}
		}
	}
	return true;
}

static bool append_all(Search *s, AxcProgram *to)
{
	const AxcProgram *p = s->p;
	bool ok = true;
	for (uint32_t i = 0; i < p->steps.n && ok; i++) {
		int w = s->window_of[i];
		if (w < 0) {
			AXC_PUSH(to->arena, &to->steps, p->steps.at[i]);
			continue;
		}
		ok = append_window(s, to, &s->window[w]);
		i = s->window[w].last;
	}
	close_window(s);
	return ok;
}

static void log_windows(const Search *s)
{
	const AxcProgram *p = s->p;
	for (uint32_t i = 0; i < s->n_windows; i++) {
		const Window *w = &s->window[i];
		int64_t once = 0;
		for (uint32_t k = w->first; k <= w->last; k++)
			once += s->rows[k].work * s->rows[k].out;
		axc_log(s->d, AXC_DEBUG, "%u steps from %s to %s in %d bands: %zu bytes alive, %.1f %% of the work repeated",
		        w->last - w->first + 1, p->layers.at[p->steps.at[w->first].layer].text,
		        p->layers.at[p->steps.at[w->last].layer].text, w->bands, w->bytes,
		        100.0 * (double)(w->work - once) / (double)AXC_MAX(once, (int64_t)1));
	}
}

static Search *new_search(AxcProgram *p, const AxcTileConfig *config, AxcDiag *d)
{
	Search *s = AXC_NEW(p->arena, Search);
	size_t pack_bytes = 0;
	*s = (Search){.p = p, .d = d, .depth = AXC_MIN(config->depth, AXC_TILE_MAX_DEPTH)};
	s->n_counts = AXC_MIN(config->attempts, (int)AXC_COUNT(band_counts));
	s->rows = AXC_NEW_ARRAY(p->arena, AxcRows, p->steps.n);
	s->live = AXC_NEW_ARRAY(p->arena, size_t, p->steps.n);
	s->window_of = AXC_NEW_ARRAY(p->arena, int, p->steps.n);
	s->first = AXC_NEW_ARRAY(p->arena, int, p->bufs.n);
	s->last = AXC_NEW_ARRAY(p->arena, int, p->bufs.n);
	s->slot_of = AXC_NEW_ARRAY(p->arena, uint32_t, p->bufs.n);
	for (uint32_t i = 0; i < p->steps.n; i++)
		if (p->steps.at[i].pack)
			pack_bytes = AXC_MAX(pack_bytes, p->bufs.at[p->steps.at[i].arg[2].buf].bytes);
	s->pack_room = axc_alloc(p->arena, pack_bytes);
	find_live(s);
	find_rows(s);
	return s;
}

bool axc_tile_bands(AxcProgram *p, const AxcTileConfig *config, AxcDiag *d)
{
	enum { MAX_RESTARTS = 16 };
	Search *s = new_search(p, config, d);
	for (int i = 0; i < MAX_RESTARTS; i++) {
		AxcProgram to = *p;
		to.steps.at = NULL;
		to.steps.n = to.steps.cap = 0;
		clear_windows(s);
		size_t most = search(s);
		if (!s->n_windows)
			break;
		relax(s, most);
		if (append_all(s, &to)) {
			log_windows(s);
			*p = to;
			return true;
		}
	}
	axc_log(d, AXC_DEBUG, "depth-first tiling: no run of at most %d operators lowers the peak of the workspace",
	        s->depth);
	return false;
}

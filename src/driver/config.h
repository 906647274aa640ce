/* The compiler's configuration: the properties of config.def and their values.
 *
 * A value is read with AXC_CFG_…(cfg, property): `AXC_CFG_TEXT(cfg, target)`. Values are set from a JSON
 * file (--conf), from KEY=VALUE (--set) and from shorthand options, always through the same check
 * against the table, so a value in an AxcConfig is valid.
 */
#ifndef AXC_DRIVER_CONFIG_H
#define AXC_DRIVER_CONFIG_H

#include "base/json_read.h"

typedef enum AxcPropKind {
	AXC_PROP_BOOL,
	AXC_PROP_INT,
	AXC_PROP_FLOAT,
	AXC_PROP_ENUM,
	AXC_PROP_TEXT,
	AXC_PROP_PATH, /* relative to the working directory */
	AXC_PROP_LIST, /* of texts */
} AxcPropKind;

typedef enum AxcPropEffect { AXC_EFFECT_FULL, AXC_EFFECT_HW } AxcPropEffect;

typedef struct AxcProperty {
	const char *name, *group, *help;
	AxcPropKind kind;
	AxcPropEffect effect;
	bool nullable;
	const char *allowed; /* ENUM: the values; LIST: the elements (NULL: any text); separated by | */
	bool has_min, has_max, above_min, below_max; /* above, below: the bound itself is excluded */
	int64_t min, max;
	double real_min, real_max;
	/* the default; nullable with none of these: null */
	bool boolean;
	int64_t integer;
	double real;
	const char *text;
} AxcProperty;

#define AXC_PROPERTY(name, kind, group, effect, help, ...) AXC_P_##name,
typedef enum AxcPropId {
#include "driver/config.def"
	AXC_P_COUNT
} AxcPropId;
#undef AXC_PROPERTY

typedef struct AxcPropValue {
	bool null;
	bool boolean;
	int64_t integer;
	double real;
	const char *text;
	const char **list;
	uint32_t n_list;
} AxcPropValue;

typedef struct AxcConfig {
	AxcPropValue at[AXC_P_COUNT];
} AxcConfig;

#define AXC_CFG(cfg, name) (&(cfg)->at[AXC_P_##name])
#define AXC_CFG_BOOL(cfg, name) (AXC_CFG(cfg, name)->boolean)
#define AXC_CFG_INT(cfg, name) (AXC_CFG(cfg, name)->integer)
#define AXC_CFG_REAL(cfg, name) (AXC_CFG(cfg, name)->real)
#define AXC_CFG_TEXT(cfg, name) (AXC_CFG(cfg, name)->text) /* NULL for null */
#define AXC_CFG_NULL(cfg, name) (AXC_CFG(cfg, name)->null)

enum { AXC_CONFIG_MAX_BYTES = 16 << 20, AXC_CONFIG_FORMAT = 1 };

const AxcProperty *axc_property(AxcPropId id);
/* AXC_P_COUNT if there is no such property. */
AxcPropId axc_property_find(const char *name);
/* "1..256", "int8 | float32", "true | false": what is allowed, for messages and documents. */
const char *axc_property_range(AxcArena *arena, const AxcProperty *p);

void axc_config_defaults(AxcConfig *cfg);
/* Applies a configuration file; unnamed properties keep their value. */
AXC_CHECKED bool axc_config_load(AxcArena *arena, AxcDiag *d, const char *path, AxcConfig *cfg);
/* One "KEY=VALUE"; VALUE is JSON, or plain text where the property is a text, path, enum or list. `origin`
 * names the option in messages ("--set"). */
AXC_CHECKED bool axc_config_set(AxcArena *arena, AxcDiag *d, const char *origin, const char *key_value,
                                AxcConfig *cfg);
/* The same with key and value apart. */
AXC_CHECKED bool axc_config_set_value(AxcArena *arena, AxcDiag *d, const char *origin, AxcPropId id,
                                      const char *value, AxcConfig *cfg);
bool axc_config_is_default(const AxcConfig *cfg, AxcPropId id);
/* One warning per property that is set but has no effect here. */
void axc_config_warn(AxcDiag *d, const AxcConfig *cfg);
/* All properties as the text of a JSON file, in table order. */
void axc_config_print(const AxcConfig *cfg, AxcText *out);
/* One value as JSON. */
void axc_prop_value_print(AxcArena *arena, const AxcProperty *p, const AxcPropValue *v, AxcText *out);

#endif

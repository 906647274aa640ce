/* The one device (this machine's CPU), connections to it, and its configuration: what the API knows of
 * clocks and memory sizes is shown with its documented values and cannot be changed. */
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char device_name[] = "cpu-0:0:0";

typedef struct Setting {
	const char *key, *value;
} Setting;

static const Setting settings[] = {
	{"clock_profile", "800"},
	{"clock_profile_core_0", "800"},
	{"clock_profile_core_1", "800"},
	{"clock_profile_core_2", "800"},
	{"clock_profile_core_3", "800"},
	{"mvm_utilisation_core_0", "100"},
	{"mvm_utilisation_core_1", "100"},
	{"mvm_utilisation_core_2", "100"},
	{"mvm_utilisation_core_3", "100"},
	{"ddr_size", "1073741824"},
};
enum { NUM_SETTINGS = sizeof settings / sizeof *settings };

static void describe_device(axrDeviceInfo *info)
{
	memset(info, 0, sizeof *info);
	snprintf(info->name, sizeof info->name, "%s", device_name);
	info->subdevice_count = rt_cpu_count();
	info->board_type = AXR_BOARD_CPU;
	snprintf(info->firmware_version, sizeof info->firmware_version, "axruntime-%d.%d",
	         AXR_API_VERSION_MAJOR, AXR_API_VERSION_MINOR);
	if (!rt_cpu_name(info->board_controller_board_type, sizeof info->board_controller_board_type))
		snprintf(info->board_controller_board_type, sizeof info->board_controller_board_type, "%s",
		         rt_cpu_arch());
}

const char *axr_board_type_string(axrBoardType type)
{
	switch (type) {
	case AXR_BOARD_CPU:
		return "cpu";
	case AXR_BOARD_METIS_OMEGA_PCIE:
		return "pcie";
	case AXR_BOARD_METIS_OMEGA_M2:
		return "m2";
	case AXR_BOARD_METIS_UNUSED2:
	case AXR_BOARD_METIS_UNUSED3:
	case AXR_BOARD_METIS_MAX:
		break;
	}
	return "unknown";
}

size_t axr_list_devices(axrContext *handle, axrDeviceInfo **ret_devices)
{
	RtContext *context = rt_enter(handle, RT_CONTEXT, "axr_list_devices");
	if (!context)
		return 0;
	size_t n = 1;
	if (ret_devices) {
		axrDeviceInfo *devices = malloc(sizeof *devices);
		if (devices) {
			describe_device(devices);
			pthread_mutex_lock(&context->lock);
			free(context->devices);
			context->devices = devices;
			pthread_mutex_unlock(&context->lock);
			*ret_devices = devices;
		} else {
			rt_error(context, AXR_ERROR_RUNTIME_ERROR, "axr_list_devices: no memory");
			n = 0;
		}
	}
	rt_leave(context);
	return n;
}

static bool check_name(RtContext *context, const char *name, const char *function)
{
	if (strncmp(name, device_name, sizeof device_name) == 0)
		return true;
	rt_error(context, AXR_ERROR_CONNECTION_ERROR, "%s: there is no device '%.100s', only '%s'", function, name,
	         device_name);
	return false;
}

typedef struct ConnectCheck {
	RtContext *context;
} ConnectCheck;

static bool check_connect_property(void *ctx, const char *key, const char *value)
{
	ConnectCheck *check = ctx;
	long long flag;
	if (strcmp(key, "device_name") == 0)
		return check_name(check->context, value, "axr_device_connect");
	if (strcmp(key, "device_firmware_check") != 0) {
		rt_log(check->context, AXR_LOG_WARNING, "axr_device_connect: unknown property '%.100s' ignored", key);
		return true;
	}
	if (rt_parse_int(value, 0, 1, &flag))
		return true;
	rt_error(check->context, AXR_ERROR_VALUE_ERROR, "axr_device_connect: %s: wanted 0 or 1, found '%.100s'",
	         key, value);
	return false;
}

static bool connect_allowed(RtContext *context, const axrDeviceInfo *device, size_t n, axrProperties *handle)
{
	if (device && !check_name(context, device->name, "axr_device_connect"))
		return false;
	if (n < 1 || n > RT_MAX_CORES) {
		rt_error(context, AXR_ERROR_INVALID_ARGUMENT,
		         "axr_device_connect: wanted 1 to %d sub-devices, found %zu", RT_MAX_CORES, n);
		return false;
	}
	if (handle) {
		RtProperties *p = rt_also(context, handle, RT_PROPERTIES, "axr_device_connect");
		if (!p)
			return false;
		bool ok = rt_properties_each(p, check_connect_property, &(ConnectCheck){context});
		rt_leave(p);
		if (!ok)
			return false;
	}
	if (n > rt_cpu_count())
		rt_log(context, AXR_LOG_WARNING, "%zu sub-devices share %u cores", n, rt_cpu_count());
	return true;
}

axrConnection *axr_device_connect(axrContext *handle, axrDeviceInfo *device, size_t num_sub_devices,
                                  axrProperties *properties)
{
	RtContext *context = rt_enter(handle, RT_CONTEXT, "axr_device_connect");
	if (!context)
		return NULL;
	axrConnection *ret = NULL;
	if (connect_allowed(context, device, num_sub_devices, properties)) {
		RtConnection *connection = rt_new(context, RT_CONNECTION, sizeof *connection, NULL);
		if (connection) {
			connection->sub_devices = num_sub_devices;
			ret = (axrConnection *)connection->object.handle;
		}
		rt_leave(connection);
	}
	rt_leave(context);
	return ret;
}

typedef struct ConfigureCheck {
	RtContext *context;
	axrResult result;
} ConfigureCheck;

static bool check_setting(void *ctx, const char *key, const char *value)
{
	ConfigureCheck *check = ctx;
	const Setting *setting = NULL;
	for (int i = 0; i < NUM_SETTINGS; i++) {
		if (strcmp(settings[i].key, key) == 0)
			setting = &settings[i];
	}
	long long wanted, fixed;
	if (!setting)
		check->result = rt_error(check->context, AXR_ERROR_INVALID_CONFIGURATION,
		                         "axr_configure_device: there is no setting '%.100s'", key);
	else if (!rt_parse_int(value, 0, 1LL << 40, &wanted) || !rt_parse_int(setting->value, 0, 1LL << 40, &fixed))
		check->result = rt_error(check->context, AXR_ERROR_VALUE_ERROR,
		                         "axr_configure_device: %s: wanted a number, found '%.100s'", key, value);
	else if (wanted != fixed)
		check->result = rt_error(check->context, AXR_ERROR_NOT_IMPLEMENTED,
		                         "axr_configure_device: %s cannot be changed on a CPU", key);
	return check->result == AXR_SUCCESS;
}

axrResult axr_configure_device(axrContext *handle, axrDeviceInfo *device, axrProperties *properties)
{
	RtContext *context = rt_enter(handle, RT_CONTEXT, "axr_configure_device");
	if (!context)
		return AXR_ERROR_INVALID_ARGUMENT;
	ConfigureCheck check = {context, AXR_SUCCESS};
	if (device && !check_name(context, device->name, "axr_configure_device")) {
		check.result = AXR_ERROR_CONNECTION_ERROR;
	} else {
		RtProperties *p = rt_also(context, properties, RT_PROPERTIES, "axr_configure_device");
		if (p)
			rt_properties_each(p, check_setting, &check);
		else
			check.result = AXR_ERROR_INVALID_ARGUMENT;
		rt_leave(p);
	}
	rt_leave(context);
	return check.result;
}

axrResult axr_device_ready(axrContext *handle, axrDeviceInfo *device)
{
	RtContext *context = rt_enter(handle, RT_CONTEXT, "axr_device_ready");
	if (!context)
		return AXR_ERROR_INVALID_ARGUMENT;
	bool ok = !device || check_name(context, device->name, "axr_device_ready");
	rt_leave(context);
	return ok ? AXR_SUCCESS : AXR_ERROR_CONNECTION_ERROR;
}

axrProperties *axr_read_device_configuration(axrContext *handle, axrDeviceInfo *device)
{
	RtContext *context = rt_enter(handle, RT_CONTEXT, "axr_read_device_configuration");
	if (!context)
		return NULL;
	axrProperties *ret = NULL;
	bool ok = !device || check_name(context, device->name, "axr_read_device_configuration");
	RtProperties *p = ok ? rt_properties_new(context) : NULL;
	if (p) {
		for (int i = 0; ok && i < NUM_SETTINGS; i++)
			ok = rt_properties_set(p, settings[i].key, settings[i].value);
		if (ok) {
			ret = (axrProperties *)p->object.handle;
		} else {
			rt_error(context, AXR_ERROR_RUNTIME_ERROR, "axr_read_device_configuration: no memory");
			rt_drop(p);
		}
		rt_leave(p);
	}
	rt_leave(context);
	return ret;
}

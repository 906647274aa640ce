// axruntime.hpp: owning pointers and the cast macro, from C++.
#include <cstdio>
#include <string>

#include "axruntime/axruntime.hpp"

int main()
{
	axrContext *raw = axr_create_context();
	axrProperties *properties;
	{
		axr::ptr<axrContext> context = axr::to_ptr(raw);
		properties = axr_create_properties(context.get(), "a=1;b=2");
		if (std::string(axr_get_property(properties, "b")) != "2")
			return std::puts("property b is not 2"), 1;
		auto early = axr::to_ptr(axr_create_properties(context.get(), nullptr));
		if (axr_get_context(AXR_OBJECT(early.get())) != context.get())
			return std::puts("the object is not of its context"), 1;
	}
	if (axr_get_property(properties, "b") != nullptr)
		return std::puts("the context did not destroy what it owns"), 1;
	return axr_last_error(AXR_OBJECT(raw)) == AXR_ERROR_INVALID_ARGUMENT ? 0 : 1;
}

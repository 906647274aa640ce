// C++ side of axruntime.h: owning pointers. axr::to_ptr(axr_create_context()) destroys the object (and
// for a context all that it owns) at the end of the scope.
#ifndef AXRUNTIME_HPP
#define AXRUNTIME_HPP

#include <memory>

#include "axruntime/axruntime.h"

namespace axr
{

struct object_deleter {
	template <typename T> void operator()(T *object) const
	{
		axr_destroy(AXR_OBJECT(object));
	}
};

template <typename T> using ptr = std::unique_ptr<T, object_deleter>;

template <typename T> ptr<T> to_ptr(T *object)
{
	return ptr<T>(object);
}

} // namespace axr

#endif

using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>Finds the lines of a port by its slot, which is below <see cref="SegmentLayout.PortCountMax"/>.</summary>
internal unsafe delegate PortSlot* PortCountersOf(int slot);

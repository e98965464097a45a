using Nf.DataPlane.Ports;

namespace Nf.DataPlane.Control;

/// <summary>Where the frames of a port are to go, and which worker sends them there.</summary>
/// <param name="Worker">The worker of the port, or of the switch.</param>
/// <param name="Onward">What it does with them.</param>
internal sealed record CrossingTarget(Worker Worker, CrossingOut.Onward Onward);

namespace Nf.DataPlane.Ports;

/// <summary>Where a port is on its <see cref="FrameSwitch"/>.</summary>
/// <param name="End">Number of the end.</param>
/// <param name="Queue">Which of the end's queues.</param>
internal readonly record struct SwitchPlace(int End, int Queue);

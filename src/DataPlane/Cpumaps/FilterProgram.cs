namespace Nf.DataPlane.Cpumaps;

/// <summary>A program of filters as a function: which of its steps a frame takes.</summary>
/// <param name="frame">The frame's bytes, from the Ethernet header on.</param>
/// <param name="length">How many there are.</param>
/// <returns>The first step whose filter matches; -1 when none does.</returns>
internal unsafe delegate int FilterProgram(byte* frame, uint length);

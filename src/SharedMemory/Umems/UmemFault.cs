namespace Nf.SharedMemory.Umems;

/// <summary>One thing that is wrong with a request for packet memory.</summary>
/// <param name="Field">As <c>nf.v1.UmemSpec</c> calls it; <c>address</c> and <c>flags</c> are the kernel's own.</param>
/// <param name="Message">The value and the rule it breaks.</param>
public readonly record struct UmemFault(string Field, string Message);

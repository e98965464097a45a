using Nf.DataPlane.Ports;

namespace Nf.DataPlane.Control;

/// <summary>How what a port receives gets to other workers.</summary>
/// <param name="source">The port.</param>
/// <param name="worker">Its worker.</param>
/// <param name="use">The cpumap that spreads its frames; null when they only go to where they leave.</param>
/// <param name="near">What it sends by.</param>
internal sealed class CrossingWay(Port source, Worker worker, CrossingUse? use, CrossingIn near)
{
    internal Port Source { get; } = source;

    internal Worker Worker { get; } = worker;

    internal CrossingUse? Use { get; } = use;

    internal CrossingIn Near { get; } = near;

    /// <summary>Where its frames are to go; null while that is not there.</summary>
    internal CrossingTarget? Target { get; set; }
}

/// <summary>A cpumap, and how a port's frames are spread over its entries.</summary>
/// <param name="Cpumap">The cpumap.</param>
/// <param name="Select">Makes what chooses among CPUs that have an entry.</param>
internal sealed record CrossingUse(UserspaceQueues Cpumap, Func<IReadOnlyList<uint>, CrossingSelector> Select);

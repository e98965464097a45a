namespace Nf.DataPlane.Steering;

/// <summary>How much one steering may ask for.</summary>
internal static class SteeringLimits
{
    /// <summary>Most rules of an interface. Arbitrary; as the API says.</summary>
    internal const int RuleCountMax = 256;

    /// <summary>Most management filters. Arbitrary; as the API says.</summary>
    internal const int ManagementFilterCountMax = 16;

    /// <summary>Most packets of one test. Arbitrary; as the API says.</summary>
    internal const int TestPacketCountMax = 1000;

    /// <summary>Shortest packet of a test: the kernel runs no program on less than an Ethernet header.</summary>
    internal const int TestPacketBytesMin = 14;

    /// <summary>Longest packet of a test: a page less what the kernel keeps around a frame.</summary>
    internal const int TestPacketBytesMax = 3500;

    /// <summary>Longest name of a rule.</summary>
    internal const int NameCharsMax = 63;
}

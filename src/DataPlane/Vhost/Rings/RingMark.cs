namespace Nf.DataPlane.Vhost.Rings;

/// <summary>How far a ring was when a frame was begun that may not find enough buffers.</summary>
/// <param name="Next">Where the next chain is looked for.</param>
/// <param name="Used">How many used entries were prepared.</param>
/// <param name="InHand">How many descriptors they stand for.</param>
/// <param name="Redone">How many chains of an earlier back-end were done again.</param>
internal readonly record struct RingMark(uint Next, uint Used, uint InHand, uint Redone);

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Cases for the rules by which the cache publishes memory: to other threads, and to the process
 * after one that is killed. Run by scripts/jcstress.sh.
 *
 * <p>A killed process leaves a prefix of its stores. {@link org.luo4j.cache.KillCases} read what
 * another thread stores in the reverse order: who sees a store must see all before it.
 *
 * <table>
 * <caption>Each rule and its cases</caption>
 * <tr><th>Rule</th><th>Said in</th><th>Case</th></tr>
 * <tr><td>an entry's bytes before its check</td><td>CacheFormat, Entry.write</td>
 *     <td>KillCases.WhatHasACheckIsWhole, EntryCases.WhatIsPutIsWhole</td></tr>
 * <tr><td>its check before the head passes it</td><td>CacheFormat, Writer.tryPut</td>
 *     <td>KillCases.WhatTheHeadHasPassedIsWhole</td></tr>
 * <tr><td>the head before a slot names it</td><td>CacheFormat, Writer.tryPut</td>
 *     <td>KillCases.WhatASlotNamesTheHeadHasPassed, EntryCases.ASlotNamesWhatIsThere</td></tr>
 * <tr><td>every slot names a complete entry</td><td>CacheFormat</td>
 *     <td>KillCases.WhatASlotNamesIsWhole, EntryCases.ThereIsAlwaysAValue</td></tr>
 * <tr><td>a slot is emptied, replaced or moved on before the check is 0</td>
 *     <td>CacheFormat, Writer.retire, Writer.moveOn, Overwrites.put</td>
 *     <td>KillCases.WhatIsDeadNoSlotNames</td></tr>
 * <tr><td>the check is 0 before the tail passes the entry</td>
 *     <td>CacheFormat, Writer.reclaimOldest</td>
 *     <td>KillCases.WhatTheTailHasPassedIsDead</td></tr>
 * <tr><td>the check is 0 before a new entry is written in its place</td><td>CacheFormat</td>
 *     <td>KillCases.WhatHasACheckIsWhole</td></tr>
 * <tr><td>the ring can be walked at every moment: lengths in one store</td>
 *     <td>CacheFormat, Entry.write</td><td>KillCases.TheRingCanBeWalked</td></tr>
 * <tr><td>the header says how to finish a change of slot and counts</td>
 *     <td>CacheFormat, Writer.change</td><td>KillCases.TheChangeUnderWayIsWrittenDown</td></tr>
 * <tr><td>the header says how to finish a move of a slot</td><td>CacheFormat, Index.move</td>
 *     <td>KillCases.TheMoveUnderWayIsWrittenDown</td></tr>
 * <tr><td>a clear that was begun is finished</td><td>Writer.clear</td>
 *     <td>KillCases.AClearUnderWayIsWrittenDown</td></tr>
 * <tr><td>the magic number goes first and comes last</td><td>CacheFormat.create</td>
 *     <td>KillCases.TheMagicNumberIsFirstToGoAndLastToCome</td></tr>
 * <tr><td>a move is seen by who found nothing: the count of moves</td><td>Index.moves</td>
 *     <td>SlotCases.ASlotThatIsMovedIsFound</td></tr>
 * <tr><td>who finds an entry dead looks whether its slot has changed</td>
 *     <td>Reader.hasChanged</td>
 *     <td>SlotCases.AnOverwrittenKeyIsFoundByWhoReadsIt, ...ByWhoRemovesIt</td></tr>
 * <tr><td>slots change by compare-and-set, against overwrites</td>
 *     <td>Index.replace, Overwrites.put</td>
 *     <td>SlotCases.AKeyThatTwoOverwriteHasOneEntry, AnOverwrittenKeyIsFoundByWhoRemovesIt,
 *     AMoveLosesNoOverwrite</td></tr>
 * <tr><td>and against the count of uses</td><td>Reader.locate</td>
 *     <td>SlotCases.ACountedUseRevivesNoSlot</td></tr>
 * <tr><td>a slot that is as before may name another entry two periods later</td>
 *     <td>Writer.isStill</td>
 *     <td>SlotCases.AConditionalPutTellsEntriesInOnePlaceApart</td></tr>
 * <tr><td>an entry of an earlier process is verified once, and may die meanwhile</td>
 *     <td>Ring.isTrusted, Reader.locate, Reader.entryAt</td>
 *     <td>SlotCases.AnEntryOfAnEarlierProcessIsFoundWhilePutOver, ...IsMetUntilRemoved</td></tr>
 * <tr><td>what is given up is not written over under a reader</td><td>Pins.enter</td>
 *     <td>PinCases.APinnedPlaceStays, EntryCases.PlacesAreUsedAgainWhileReadInPlace,
 *     RingCases.WhatIsMovedOnIsFoundByWhoReadsInPlace</td></tr>
 * <tr><td>nor under an overwrite</td><td>Pins.hold</td><td>PinCases.AHeldPlaceStays</td></tr>
 * <tr><td>a stripe goes from holder to holder with what it keeps</td>
 *     <td>Pins.hold, Pins.release</td><td>PinCases.AStripeHasOneHolder</td></tr>
 * <tr><td>who does not pin sees that periods have begun</td><td>Pins.advance, Reader.isIntact</td>
 *     <td>PinCases.WhatIsWrittenOverIsNoticed, EntryCases.PlacesAreUsedAgainWhileCopied,
 *     RingCases.WhatIsMovedOnIsFoundByWhoCopies</td></tr>
 * <tr><td>what is moved on is at the main ring's head before its slot says so</td>
 *     <td>Writer.moveOn</td><td>RingCases.WhatIsMovedOn...</td></tr>
 * <tr><td>the tail passes no place that an overwrite may take</td><td>Ring.mayPass</td>
 *     <td>RingCases.TheTailPassesNoOverwrite</td></tr>
 * </table>
 *
 * <p>No run on x86 shows the order of aarch64: {@code java/jcstress/litmus} has the rules between
 * threads in ARM's formal memory model, also the one that takes three threads to break, the second
 * look of Pins.enter at the period. Run by scripts/litmus.sh.
 *
 * <p>No case is for what one store does by itself: the state and the latest time in the header, the
 * number of openings with its complement. That who enters or holds looks at the period again takes
 * three threads to matter: one that gives up while another begins a period over a third.
 */
package org.luo4j.cache;

@trunk_conformance
Feature: Transactions and dialogs at the trunk
  A provider's proxies send what is late, lost, repeated or cut as the network likes. RFC 3261 says what a PBX makes of
  it. What it says of each message (one tag in To, CSeq that counts on, ACKs of their INVITE) is judged in every call.

  Rule: Requests inside calls

    @req.RFC3261-12.2.2-a
    Scenario Outline: <method> inside a call that is not there
      Then the PBX refuses <method> inside a call that is not there

      Examples:
        | method |
        | BYE    |
        | INVITE |

    @req.RFC3261-12.2.2-b
    Scenario: A BYE that is too old does not end the call
      Given the support line is open with 1 agent ready
      And a customer
      When the customer calls the direct number
      Then an agent's phone rings
      When the agent answers
      Then the PBX refuses a BYE that is older than the call's INVITE
      And the customer and the agent hear each other

    @req.RFC3261-8.2.2.2
    Scenario: The same call by two ways is one call
      Given the trunk sends each INVITE by two ways
      And the support line is open with 1 agent ready
      And a customer
      When the customer calls the direct number
      Then the PBX has refused the second way
      And an agent's phone rings
      And each call came to one phone

  Rule: ACK

    @req.RFC3261-13.3.1.4-a @req.RFC3261-8.2.6.2-b
    Scenario: The PBX answers until the ACK comes
      Given the trunk loses the first 2 ACKs
      And the support line is open with 1 agent ready
      And a customer
      When the customer calls the direct number
      Then an agent's phone rings
      When the agent answers
      Then the PBX has sent its answer until the ACK came
      And the customer and the agent hear each other
      When the customer hangs up
      Then both sides of the call have ended
      And nothing of the call is left on the PBX

    @long
    @req.RFC3261-13.3.1.4-b
    Scenario: The PBX ends a call whose answer nobody acknowledges
      Given the trunk loses every ACK
      And the support line is open with 1 agent ready
      And a customer
      When the customer calls the direct number
      Then an agent's phone rings
      When the agent answers
      Then the PBX ends the call whose answer nobody acknowledges
      And both sides of the call have ended
      And nothing of the call is left on the PBX

    @claims.calls_customers
    @req.RFC3261-13.2.2.4 @req.RFC3261-12.2.1.1-b @req.RFC4028-5
    Scenario: The PBX acknowledges an answer that comes twice
      Given the trunk sends each final response twice
      And the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the customer's phone rings
      When the customer answers
      Then the customer and the agent hear each other
      And the PBX has acknowledged each of the trunk's final responses
      When the agent hangs up
      Then both sides of the call have ended
      And the PBX has kept the trunk's rules

    @claims.calls_customers
    @req.RFC3261-17.1.1.3 @req.RFC4028-5
    Scenario: The PBX acknowledges a refusal
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the customer's phone rings
      When the customer declines
      Then the agent's call has failed
      And the PBX has acknowledged each of the trunk's final responses
      And the PBX has kept the trunk's rules

  Rule: CANCEL

    @req.T50
    Scenario: The customer gives up as the PBX answers
      Given the support line is open with 1 agent ready
      And a customer
      And the business's answer is long under way to the customer
      When the customer calls the support number
      And the customer gives up as the business answers
      Then the PBX has got CANCEL after its answer and ended the call
      And nothing of the call is left on the PBX

  Rule: Streams

    @req.RFC3261-18.3
    Scenario: A stream cuts messages as it likes
      Then the PBX answers several requests that come in one segment
      And the PBX answers a request that comes in several segments

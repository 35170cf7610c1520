@callback
Feature: Callback to a customer
  The business calls a WhatsApp customer to continue a case. WhatsApp lets it through only with the customer's
  permission. The PBX calls the trunk (Meta's flow), or the business tells the platform to call, the customer answers
  first, and the call then comes to the PBX (8x8's flow). (Vendor's calling scenario 2, business-initiated.)

  Rule: The customer is asked in the chat

    Scenario Outline: The customer is asked and <answer>
      Given a customer who chats with the business
      When the business asks for permission to call, "<reason>"
      Then the customer is asked "<reason>"
      When the customer <answer>
      Then the business is told that the customer <told>
      And the business has <permission> permission to call

      Examples: business cases
        | reason                                                      | answer                | told                    | permission |
        | We would like to call you to confirm your appointment.      | allows calls          | allowed calls           | temporary  |
        | Your parcel could not be delivered. May we call you?        | allows calls for good | allowed calls for good  | permanent  |
        | May we call you about your case?                            | declines to be called | declined to be called   | no         |

    Scenario: A customer is not asked twice in a day
      Given a customer who chats with the business
      When the business asks for permission to call
      And the business asks for permission to call again
      Then the platform refuses the request because the customer was asked too often

    Scenario: After a conversation the customer may be asked again
      Given the support line is open with 1 agent ready
      And a customer who chats with the business
      And the business has asked for permission to call
      When the customer calls the support number
      Then an agent's phone rings
      When the agent answers
      Then the customer and the agent hear each other
      When the business asks for permission to call again
      Then the platform does not refuse

  Rule: An agent calls through the PBX

    @claims.calls_customers @smoke
    @req.T05 @req.T07 @req.T08 @req.T09 @req.T12 @req.T41 @req.RFC3261-22.2 @req.RFC3264-5 @req.RFC4028-7.1
    Scenario: The agent calls the customer back and they hear each other
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the customer's phone rings
      And the customer sees the number of the business
      When the customer answers
      Then the customer and the agent hear each other
      When the customer hangs up
      Then both sides of the call have ended
      And nothing of the call is left on the PBX
      And the call never touched the PSTN

    @claims.click_to_call
    Scenario: The agent calls the customer back with a click
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent clicks to call the customer
      Then an agent's phone rings
      When the agent answers
      Then the customer's phone rings
      When the customer answers
      Then the customer and the agent hear each other
      When the agent hangs up
      Then both sides of the call have ended
      And nothing of the call is left on the PBX

    @claims.calls_customers
    @req.T60 @req.T63 @req.RFC3261-8.1.3.5
    Scenario Outline: A customer <situation> is not called
      Given the support line is open with 1 agent ready
      And a customer <situation>
      When the agent calls the customer
      Then the platform refuses the call because <reason>
      And the agent's call has failed
      And the customer's phone does not ring
      And the PBX does not try again
      And nothing of the call is left on the PBX
      And the call never touched the PSTN

      @req.T14
      Examples: no permission
        | situation                                | reason                                       |
        | who was never asked                      | there is no permission                       |
        | who declined to be called                | there is no permission                       |
        | whose permission has expired             | there is no permission                       |
        | who took the permission back             | there is no permission                       |
        | who is not on WhatsApp                   | there is no permission                       |

      @req.T15
      Examples: too many calls
        | situation                                | reason                                       |
        | who was called as often as is allowed    | the limit of connected calls is reached      |

    @claims.calls_customers
    Scenario: In a closed country the business cannot call
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      And the business number counts as one of the United States
      When the agent calls the customer
      Then the platform refuses the call because business calls are not available
      And the agent's call has failed
      And the PBX does not try again
      And the call never touched the PSTN

    @claims.calls_customers
    @req.T17
    Scenario: After the fourth unanswered call the permission is gone
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer 4 times and the customer declines each time
      Then the business is told that the permission was taken back by itself
      And the customer was advised to reconsider
      When the agent calls the customer
      Then the platform refuses the call because there is no permission
      And the agent's call has failed

    @claims.calls_customers
    @req.T16 @req.RFC3261-8.1.3.5
    Scenario: The customer declines
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the customer's phone rings
      When the customer declines
      Then the PBX is told 486
      And the agent's call has failed
      And the PBX does not try again
      And nothing of the call is left on the PBX
      And the call never touched the PSTN

    @claims.calls_customers
    @req.T16 @req.RFC3261-8.1.3.5
    Scenario: The customer does not answer
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the customer's phone rings
      When the customer lets it ring until WhatsApp gives up
      Then the PBX is told 480
      And the agent's call has failed
      And the PBX does not try again
      And the call never touched the PSTN

    @claims.calls_customers
    @req.T16 @req.RFC3261-8.1.3.5
    Scenario: The customer is offline
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      And the customer is offline
      When the agent calls the customer
      Then the PBX is told 480
      And the agent's call has failed
      And the PBX does not try again
      And the call never touched the PSTN

    @claims.calls_customers
    @req.T18 @req.RFC3261-9.1
    Scenario: The agent gives up while it rings at the customer
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the customer's phone rings
      When the agent hangs up
      Then the customer's phone stops ringing
      And the PBX is told 487
      And nothing of the call is left on the PBX

    @claims.calls_customers
    @req.T15
    Scenario: A second agent cannot call a customer who is in a call
      Given the support line is open with 2 agents ready
      And a customer who has allowed calls
      And the agent talks with the customer
      When the second agent calls the customer
      Then the platform refuses the call because there is a call already
      And the second agent's call has failed
      And the customer and the agent hear each other

    @claims.calls_customers
    Scenario: The customer's app gives up a call without media
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      And what the business says is lost on the way to the customer
      When the agent calls the customer
      Then the customer's phone rings
      When the customer answers
      Then the customer's app gives up the call because no media came
      And both sides of the call have ended
      And the PBX does not try again
      And nothing of the call is left on the PBX

  Rule: The platform calls the customer first

    @claims.callback_number @smoke
    @req.T58
    Scenario: The customer answers and is put to an agent at once
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the business tells the platform to call the customer
      Then the customer's phone rings
      When the customer answers
      Then an agent's phone rings
      And the customer has waited in silence no longer than declared
      When the agent answers
      Then the customer and the agent hear each other
      When the agent hangs up
      Then both sides of the call have ended
      And the business is told that the call ended
      And nothing of the call is left on the PBX
      And the call never touched the PSTN

    @claims.callback_number
    Scenario: The PBX hears nothing of a callback that the customer declines
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the business tells the platform to call the customer
      Then the customer's phone rings
      When the customer declines
      Then the call does not reach the PBX
      And the business is told that the call was declined

    Scenario: The platform does not call a customer who was never asked
      Given a customer who was never asked
      When the business tells the platform to call the customer
      Then the platform refuses the request because there is no permission
      And the customer's phone does not ring
      And the call does not reach the PBX

    @claims.callback_number
    Scenario: The customer hangs up before an agent answers
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the business tells the platform to call the customer
      Then the customer's phone rings
      When the customer answers
      Then an agent's phone rings
      When the customer hangs up
      Then the agent's phone stops ringing
      And nothing of the call is left on the PBX

    Scenario: A call of the customer permits a callback
      Given callbacks are permitted by the customer's own call
      And a customer in conversation with an agent
      When the customer hangs up
      Then the business is told that the customer allowed calls
      And the business has temporary permission to call
